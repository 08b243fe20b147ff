//! Files to records, records to examples, examples to batches; generated data sets
