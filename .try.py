import numpy as np, grillyx
from grillyx.graph import *
z=np.load('/work/shared/vectors/gnn_layer_two.npz')
n=SpikeGNNLayer([16,12,5],threshold=.2,T=16,compat=True)
o=n.forward(z['x'],z['adjacency']); print(np.array_equal(o,z['out']), n.graph_classify(z['x'],z['adjacency']), z['label'])
z=np.load('/work/shared/vectors/gnn_conv_th03.npz')
c=SpikeGraphConv(16,8,threshold=.3,seed=2,compat=True); print(np.array_equal(c.forward(z['x'],z['adjacency'],T=8),z['counts']),np.array_equal(c(z['x'],z['adjacency'],T=8,uniforms=z['uniforms']),z['counts']))
# the page
conv = SpikeGraphConv(in_features=16, out_features=8)
adj = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]])
features = np.random.rand(3, 16)
output = conv.forward(features, adj, T=8)
print(output)
gnn = SpikeGNNLayer(layer_dims=[16, 8, 4], threshold=1.0, T=8)
label = gnn.graph_classify(features, adj); print(label)
for a,b in [(SpikeGraphConv(16,8,compat=True), None)]:
    print(a.forward(features.tolist(), adj.tolist()).sum())
g1=as_graph(adj); g2=Graph([[0,1,2,3],[1,2,3,0]],num_nodes=5)
G=Graph.batch_of([g1,g2]); f2=np.random.rand(5,16)*.3
both=gnn(np.concatenate([features,f2]),G).numpy()
print(np.array_equal(both[:3],gnn(features,g1).numpy()),np.array_equal(both[3:],gnn(f2,g2).numpy()), gnn.graph_classify(np.concatenate([features,f2]),G))
print(gnn.readout(np.concatenate([features,f2]),G))
net = Sequential("x, graph", [(GCNConv(16,8),"x, graph -> x"), grillyx.nn.LIFNode(step_mode="m"), (SpikingGraphConv(SAGEConv(8,4), BLIFNode()),"x, graph -> x"), NodeHead(4,2)])
y=net(np.random.rand(6,3,16),g1); print(y.shape); y.sum().backward(); print({k:v.grad is not None for k,v in net.named_parameters()})
for m in ("dot","mlp"):
    h=EdgeHead(4,m); print(h(np.random.rand(8,4), negative_sampling(G,num_neg_samples=5,seed=0)).shape)
print(GraphHead(4,2)(np.random.rand(8,4),G).shape, negative_sampling(g1))
print(net)
