"""Why Python refused a call: which argument a function does not have, lacks or was given twice, in the user's words.

And the signatures of primitives. Loaded when one of these is asked for, as `inspect` takes its time.
"""

import inspect
from collections.abc import Callable, Iterable
from types import GenericAlias
from typing import Any, get_args

from autonet.common.types import TensorLike
from autonet.errors import SignatureError


def name_of(f: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """What the user called: the class for its constructor, and "Sequential.fit" for what Sequential has from above."""
    home, _, name = f.__qualname__.rpartition(".")
    if not home or home.endswith("<locals>"):
        return name
    cls: Any = args[0] if args and isinstance(args[0], type) else type(args[0]) if args else None
    shown = home if cls is None else vars(cls).get("_called", cls.__name__)
    return shown if name == "__init__" else f"{shown}()" if name == "__call__" else f"{shown}.{name}"


def taken(f: Callable[..., Any], cls: type | None = None) -> list[str]:
    """Names of the arguments that a function takes; the constructor of `cls` may pass further ones on to those above it."""
    if not any(p.kind is p.VAR_KEYWORD for p in inspect.signature(f).parameters.values()):
        cls = None
    names = {p.name: None for p in inspect.signature(f).parameters.values() if p.kind in (1, 3)}
    fixed = {name for c in cls.__mro__ for name in vars(c).get("_fixed", ())} if cls else set()
    for c in cls.__mro__[:-1] if cls else ():
        above = inspect.signature(vars(c)["__init__"]).parameters.values() if "__init__" in vars(c) else ()
        names |= {p.name: None for p in above if p.kind in (1, 3) and p.name not in fixed}
        names |= dict.fromkeys(vars(c).get("_takes_too", ()))
    return [name for name in names if name != "self"]


def no_argument(who: str, name: str, known: Iterable[str]) -> SignatureError:
    """The error for an argument that does not exist, with the nearest that do."""
    import difflib

    names = [n for n in known if n[0] != "_"]
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    if near:
        advice = f"Did you mean {' or '.join(map(repr, near))}?"
    else:
        advice = f"Leave it out, or choose among {', '.join(names[:20])}." if names else "Leave it out."
    return SignatureError(f"{who} has no argument {name!r}. {advice}")


def refusal(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> SignatureError:
    """The error for a call of `f` that Python refused to make."""
    who = name_of(f, args)
    known = taken(f, type(args[0]) if f.__name__ == "__init__" and args else None)
    code: Any = inspect.unwrap(f).__code__  # signatures may show more than the function itself takes
    positional = code.co_varnames[: code.co_argcount]
    several = code.co_flags & inspect.CO_VARARGS
    own = positional[:1] in (("self",), ("cls",))  # whom the user does not count
    given = set(positional[: len(args)])
    for name in kwargs:
        if name not in known:
            return no_argument(who, name, [n for n in known if n not in given and n not in kwargs])
    for name in kwargs:
        if name in given:
            return SignatureError(f"{who} received {name!r} twice, by position and by name. Leave one out.")
    if len(args) > len(positional) and not several:
        advice = "Put several arrays into one list." if positional == ("xs",) else "Write further ones by name."
        if len(positional) == own:
            first = {"call": "inputs", "build": "input_shape"}.get(f.__name__)
            advice = f"Let it take {first}: def {f.__name__}(self, {first})." if first else "Leave them out."
        return SignatureError(
            f"{who} takes at most {len(positional) - own} arguments by position ({', '.join(positional[own:])}); received "
            f"{len(args) - own}. {advice}"
        )
    there = given | kwargs.keys()
    parameters = inspect.signature(f).parameters.values()
    lacking = [p.name for p in parameters if p.default is p.empty and p.kind in (0, 1, 3) and p.name not in there]
    return SignatureError(f"{who} needs {' and '.join(map(repr, lacking))}, which it did not receive. Give it.")


def of_primitive(op: Any, tensor: type) -> inspect.Signature:
    """What a call takes and gives: anything that becomes a Tensor, settings also by position; one `tensor` or several."""
    body = inspect.signature(op.body, eval_str=True)
    parameters = []
    for p in body.parameters.values():
        if p.name in op.operand_names:
            p = p.replace(annotation=TensorLike)
        elif not op.variadic:
            p = p.replace(kind=p.POSITIONAL_OR_KEYWORD)
        parameters.append(p)
    several = get_args(body.return_annotation)
    result = GenericAlias(tuple, (tensor,) * len(several)) if several else tensor
    return body.replace(parameters=parameters, return_annotation=result)


def primitive_refusal(op: Any, args: tuple, settings: dict[str, Any]) -> SignatureError:
    """The error for a call of a primitive that does not fit its operands and settings."""
    known = [*op.operand_names, *op.setting_names]
    there = set() if op.variadic else set(known[: len(args)])
    for name in settings:
        if name not in known:
            return no_argument(op.name, name, known)
        if name in there:
            return SignatureError(f"{op.name} received {name!r} twice, by position and by name. Leave one out.")
    there |= settings.keys() | op.defaults.keys()
    for name in () if op.variadic else op.operand_names:
        if name not in there:
            return SignatureError(f"{op.name}() is missing its operand {name!r}.")
    body = inspect.signature(op.body)
    plain = [p.replace(annotation=p.empty) for p in body.parameters.values()]
    usage = f"{op.name}{body.replace(parameters=plain, return_annotation=body.empty)}"
    for name in op.setting_names:
        if name not in there:
            return SignatureError(f"{usage} is missing {name!r}.")
    return SignatureError(f"{usage} received {len(args)} positional arguments.")
