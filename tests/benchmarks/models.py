"""Models with random weights, for measurements that do not care what they restore."""

from l2l_backends.care_network import CareNetwork, CareOptions
from l2l_core.components.options import unstructure
from l2l_core.models.model_file import ModelRecord, NormalizationRecord, write_model


def care_model(folder, *, kernel=5, depth=2, filters=32, seed=0):
    """Write a CARE model of random weights, and return its folder.

    Parameters
    ----------
    folder : Path
    kernel, depth, filters : int
        The default is the network of the paper.
    seed : int
    """
    options = CareOptions(kernel=kernel, depth=depth, first_filters=filters)
    network = CareNetwork(options, "YX")
    record = ModelRecord(
        restorer="care",
        supplier="label2label",
        options=unstructure(options),
        axes="YX",
        channels_in=1,
        channels_out=1,
        geometry=network.geometry(),
        normalization=NormalizationRecord(output="input"),
    )
    write_model(folder, record, dict(network.initial_state(seed)))
    return folder
