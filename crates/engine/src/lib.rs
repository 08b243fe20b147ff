//! Tensors, the gradient tape, fused operations with their gradients, optimiser steps, devices
