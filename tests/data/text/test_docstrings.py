from data.text.docstrings import docstring_sentences


def test_prose_is_split_into_sentences_and_headings_items_and_code_stand_alone():
    docstring = """einsum(subscripts, *operands) -> Tensor

    Evaluates the *Einstein* summation
    convention on :class:`~torch.Tensor` operands. It is fast.

    Parameters
    ----------
    casting : {'no', 'equiv'}, optional
        Controls what kind of ``data`` casting may occur.
    1. The first item
       of a list.
    2. The second.

    Example code follows here::

        value = einsum("ij,jk->ik", a, b). Its dot is no stop.
        ---

    >>> einsum("ij->ji",
    ...        a)
    This is what the doctest prints. All of it.
    """
    assert docstring_sentences(docstring) == [
        "einsum(subscripts, *operands) -> Tensor",
        "Evaluates the Einstein summation convention on torch.Tensor operands.",
        "It is fast.",
        "Parameters",
        "casting : {'no', 'equiv'}, optional",
        "Controls what kind of data casting may occur.",
        "The first item of a list.",
        "The second.",
        "Example code follows here::",
        'value = einsum("ij,jk->ik", a, b). Its dot is no stop.',
        '>>> einsum("ij->ji",',
        "... a)",
        "This is what the doctest prints. All of it.",
    ]
