//! Layers, encoders, fusions, heads, losses and the network made of them
