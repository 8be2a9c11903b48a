import os

# Networks this small are fastest in one thread, and what is compared bit for bit must not depend
# on how many processors are free. TensorFlow reads it when it is loaded.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
