"""Prints the bytes of a small event file as TensorBoard itself writes them (tensorboard 2.21.0).

Run: pip install tensorboard; python events.py
"""

import io

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

out = io.BytesIO()
writer = RecordWriter(out)
writer.write(Event(wall_time=1.5, file_version="brain.Event:2").SerializeToString())
values = [Summary.Value(tag="loss/train", simple_value=0.25), Summary.Value(tag="rate", simple_value=-3.0)]
writer.write(Event(wall_time=2.5, step=300, summary=Summary(value=values)).SerializeToString())
print(out.getvalue().hex())
