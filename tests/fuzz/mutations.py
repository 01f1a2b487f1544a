"""Files that are nearly right: one or a few places of a valid one changed, as its format is."""

from __future__ import annotations

import gzip
import io
import json
import struct
import warnings
import zipfile
import zlib
from random import Random
from typing import Any

#: stands in a document for text that `json.dumps` would not write
_HERE = "\x00here\x00"
#: JSON, or what is nearly JSON, in place of any value
_VALUES = (
    "null", "true", "false", "0", "-1", "1.5", "-0.0", "1e400", "-1e400", "NaN", "Infinity",
    "-Infinity", "9223372036854775808", "1e-320", "[]", "{}", '""', '"\\ud800"', '"\\udfff\\ud800"',
    '"../../einbench-was-here"', '"/einbench-was-here"', '"a\\nb"', '"\\u001b]0;x\\u0007"',
    '"\\u0000"', '"__import__(\'os\')"', '"=1+1"', '"1e999"', '"0x10"', "9" * 400, "9" * 4300,
    "9" * 4301, "1" + "0" * 30, "[" * 300 + "]" * 300, "[" * 5000 + "]" * 5000, '{"a":' * 2000,
    '"' + "x" * 5000 + '"', "[[[]]]", '{"a": {"b": []}}', "[null, null, null]", "\"'a'\"",
    '"2026-01-02T03:04:05Z"', '"0001-01-01T00:00:00+23:59"', '"einbench.comparison/1"',
    '"einbench.wisdom/99999999999"', '"\u0660"', '"\U0001f600"', "2", "128",
)  # fmt: skip
_KEYS = (
    "", "schema", "__class__", "../../einbench-was-here", "\ud800", "a\nb", "version", "kernel",
    "operation", "sizes", "batch", "x" * 300,
)  # fmt: skip
#: pieces of expressions and of TOML, in place of some bytes of any text
_PIECES = (
    b"->", b"...", b",", b".", b" ", b"\t", b"\n", b"-", b">", b"=>", "\u2192".encode(), b"\xff",
    b"\0", b"ij,jk->ik",
    b"batch", b"lambda", b"text", b"axes", b"a" * 200, b"a," * 60, b"[", b"]", b"[[",
    b"{a=1}", b"=", b"'", b'"', b'"""', b"1e400", b"nan", b"-inf", b"9" * 400, b"9" * 4301,
    b"[" * 3000, b"a." * 500, b"[tool.einbench.gate]\n", b"threshold = ", b"1979-05-27T07:32:00Z",
    b"\x00\x00\x08\x03", b"\xff\xff\xff\xff", b"\x1f\x8b", b"{" * 2000,
)  # fmt: skip
#: sizes that a header may promise
_PROMISES = (0, 1, 2, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1)


def mutated(content: bytes, random: Random, most_bytes: int = 2**16) -> bytes:
    """Another content, of no more bytes than this."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        ways = [_bytes_changed, _piece]
        if content[:2] == b"\x1f\x8b":
            ways += [_repacked] * 3
        elif content[:2] == b"PK":
            ways += [_rezipped] * 4
        elif content[:2] == b"\0\0":
            ways += [_promise] * 2
        elif content.lstrip()[:1] in (b"{", b"["):
            ways += [_document] * 6
        content = random.choice(ways)(content, random)[:most_bytes]
    return content


def _bytes_changed(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    place = random.randrange(len(changed) + 1)
    end = place + random.choice((1, 1, 4, 30, 1000))
    way = random.randrange(4)
    if way == 0:
        changed[place : place + 1] = bytes([random.randrange(256)])
    elif way == 1:
        del changed[place:end]
    elif way == 2:
        changed[place:place] = changed[place:end]
    else:
        del changed[place:]
    return bytes(changed)


def _piece(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content) + 1)
    return content[:place] + random.choice(_PIECES) + content[place + random.choice((0, 1, 5)) :]


def _promise(content: bytes, random: Random) -> bytes:
    """Another size in the header of an IDX file, or another number of dimensions."""
    place = 4 * random.randrange(1, 5)
    changed = content[:place] + struct.pack(">I", random.choice(_PROMISES)) + content[place + 4 :]
    if random.random() < 0.3:
        changed = changed[:3] + bytes([random.choice((0, 1, 2, 3, 4, 32, 33, 255))]) + changed[4:]
    return changed


def _repacked(content: bytes, random: Random) -> bytes:
    """What is in a gzip changed; something after its end; twice; cut."""
    try:
        inner = gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return _bytes_changed(content, random)
    way = random.randrange(5)
    if way == 0:
        return content + random.choice((b"\0" * 10, b"x", content, content[:20]))
    if way == 1:
        return gzip.compress(content, mtime=0)
    if way == 2:
        half = random.randrange(len(inner) + 1)
        return gzip.compress(inner[:half], mtime=0) + gzip.compress(inner[half:], mtime=0)
    if way == 3:
        return gzip.compress(inner + b"\0" * 10 ** random.randrange(7), mtime=0)
    return gzip.compress(_promise(inner, random), mtime=0)


def _rezipped(content: bytes, random: Random) -> bytes:
    """One entry of a zip changed, its name too; or one that unpacks to much."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            entries = [(info.filename, file.read(info)) for info in file.infolist()]
    except Exception:
        return _bytes_changed(content, random)
    if not entries:
        return _bytes_changed(content, random)
    place = random.randrange(len(entries))
    name, inner = entries[place]
    way = random.randrange(5)
    if way == 0:
        name = random.choice((*_KEYS[3:6], "0.weights.npy", "header.npy", "9.weights.npy", name))
        name = name.encode("utf-8", "replace").decode()
    elif way == 1:
        inner = _header_text(inner, random)
    elif way == 2:
        inner += b"\0" * 10 ** random.randrange(7)
    elif way == 3:
        shape = random.choice((b"(1099511627776,)", b"(1048576, 1048576)", b"(-1,)", b"(0, 7)"))
        described = b"{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + b", }\n"
        inner = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(described)) + described
    else:
        inner = _bytes_changed(inner, random)
    entries[place] = (name, inner)
    made = io.BytesIO()
    packed = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", packed) as file:
        warnings.simplefilter("ignore")  # a name that is there twice
        for one, held in entries:
            file.writestr(zipfile.ZipInfo(one), held)
    return made.getvalue()


def _header_text(inner: bytes, random: Random) -> bytes:
    """The JSON in an array of text changed, at its length."""
    begin = inner.find('{"schema'.encode("utf-32-le"))
    if begin < 0:
        return _bytes_changed(inner, random)
    text = inner[begin:].decode("utf-32-le", "replace").rstrip("\0")
    changed = _document(text.encode(), random).decode("utf-8", "replace")
    length = len(inner[begin:]) // 4
    return inner[:begin] + changed[:length].ljust(length, "\0").encode("utf-32-le", "replace")


def _document(content: bytes, random: Random) -> bytes:
    """One value of a JSON document changed, removed, moved, or under a key that is there twice."""
    begin, separator, end = content.partition(b"\n===\n")
    if separator and random.random() < 0.5:
        return begin + separator + _document(end, random)
    try:
        document = json.loads(begin)
    except (ValueError, RecursionError):
        return _bytes_changed(content, random)
    holder, key = _place(document, random)
    value = random.choice(_VALUES)
    if holder is None:
        return value.encode("utf-8", "replace") + separator + end
    way = random.randrange(8)
    if way == 0 and isinstance(holder, dict):
        holder[random.choice(_KEYS)] = holder.pop(key)
    elif way == 1:
        del holder[key]
    elif way == 2:
        other, place = _place(document, random)
        holder[key] = json.loads(json.dumps(document if other is None else other[place]))
    elif way == 3 and isinstance(holder, list):
        holder.extend([holder[key]] * random.choice((1, 2, 50)))
    else:
        holder[key] = _HERE
    text = json.dumps(document)
    if way == 4 and isinstance(holder, dict):
        # the key a second time
        value = f"1, {json.dumps(key)}: {value}"
    changed = text.replace(json.dumps(_HERE), value)
    return changed.encode("utf-8", "surrogatepass") + separator + end


def _place(document: Any, random: Random) -> tuple[Any, Any]:
    """A container in it and a key of that; None where there is none."""
    holder, key = None, None
    inside = document
    while isinstance(inside, dict | list) and inside:
        holder = inside
        key = (
            random.choice(list(holder))
            if isinstance(holder, dict)
            else random.randrange(len(holder))
        )
        inside = holder[key]
        if random.random() < 0.2:
            break
    return holder, key
