import numpy as np, grillyx
from grillyx.graph import *
z=np.load('/work/shared/vectors/pyg_conventions.npz')
ei,w,x,b=z['edge_index'],z['edge_weight'],z['x'],z['batch']
e=lambda a,k: print(k, np.abs(a.numpy()-z[k]).max())
g=Graph(ei,num_nodes=60)
gw=Graph(ei,w,60)
print(np.bincount(b))
for r in ("sum","mean","max","min"): e(aggregate(g,x,r),'aggr_'+r)
for r in ("sum","mean","max","min"): e(aggregate(gw,x,r),'aggr_'+r)
c=GCNConv(12,7); c.load_state_dict({'lin.weight':z['gcn_W'],'bias':z['gcn_b']}); e(c(x,ei,w),'gcn'); e(c(x,ei),'gcn_noweight'); e(c(x,gw),'gcn')
c=SAGEConv(12,7); c.load_state_dict({'lin_l.weight':z['sage_Wl'],'lin_l.bias':z['sage_bl'],'lin_r.weight':z['sage_Wr']}); e(c(x,ei),'sage')
c=SGConv(12,7,K=2); c.load_state_dict({'lin.weight':z['sg_W'],'lin.bias':z['sg_b']}); e(c(x,ei),'sg')
try: e(c(x,ei,w),'sg')
except Exception as ex: print(ex)
c=GATConv(12,7,heads=2); c.load_state_dict({'lin.weight':z['gat_W'],'att_src':z['gat_as'],'att_dst':z['gat_ad'],'bias':z['gat_b']}); e(c(x,ei),'gat'); print(list(c.state_dict()))
e(global_add_pool(x,b),'pool_add');e(global_mean_pool(x,b),'pool_mean');e(global_max_pool(x,b),'pool_max')
x3=np.stack([x,2*x,-x]); print(c(x3,ei).shape, np.abs(c(x3,ei).numpy()[1]-c(2*x,ei).numpy()).max())
