"""Signatures of primitives, for `help()` and for error messages. Loaded when one is asked for: `inspect` takes its time."""

import inspect
from types import GenericAlias
from typing import Any, get_args

from autonet.common.types import TensorLike
from autonet.core.tensor import Tensor


def of_primitive(op: Any) -> inspect.Signature:
    """What a call takes and gives: anything that becomes a Tensor, settings also by position; Tensors."""
    body = inspect.signature(op.body, eval_str=True)
    parameters = []
    for p in body.parameters.values():
        if p.name in op.operand_names:
            p = p.replace(annotation=TensorLike)
        elif not op.variadic:
            p = p.replace(kind=p.POSITIONAL_OR_KEYWORD)
        parameters.append(p)
    several = get_args(body.return_annotation)
    result = GenericAlias(tuple, (Tensor,) * len(several)) if several else Tensor
    return body.replace(parameters=parameters, return_annotation=result)


def usage(op: Any) -> str:
    """The signature as its body has it, without types."""
    body = inspect.signature(op.body)
    plain = [p.replace(annotation=p.empty) for p in body.parameters.values()]
    return str(body.replace(parameters=plain, return_annotation=body.empty))
