from grillyx.graph._neurons import AdaptiveLIFNode, BLIFNode
