//! Fits one network: the loop, step, schedule, stop, evaluate, checkpoint, resume
