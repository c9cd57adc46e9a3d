#!/usr/bin/env python3
"""Checks that PyTorch and glstm are the same function of the same weights, in both directions.

    pytorch_check.py EXCHANGE WEIGHTS_MD   EXCHANGE: the program pytorch_exchange
    pytorch_check.py --golden FOLDER       writes the cases that the C++ tests have

The exit code is 77 where there is no PyTorch.
"""
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    print(f"skipped: {sys.executable} has no torch (on Debian: apt-get install python3-torch)")
    sys.exit(77)

TOLERANCE = 1e-6
# With weights of twice PyTorch's starting values states saturate. With far larger ones a network is
# chaotic, and no two orders of summation agree.
CASES = [dict(layers=layers, bidirectional=bidirectional, inputs=inputs, hidden=hidden, bias=bias,
              scale=scale)
         for layers, inputs, hidden, scale in [(1, 1, 1, 1), (1, 3, 24, 1), (2, 5, 17, 2),
                                               (3, 2, 8, 2), (3, 4, 32, 1)]
         for bidirectional in (False, True)
         for bias in (True, False)]
GOLDEN = dict(
    stack=dict(layers=2, bidirectional=False, inputs=2, hidden=5, steps=9, batch=2),
    bidirectional=dict(layers=2, bidirectional=True, inputs=3, hidden=4, steps=7, batch=3))


def write(path, tensors, metadata={}):
    """A safetensors file."""
    header, data = {"__metadata__": metadata}, b""
    codes = {torch.int64: ("q", "I64"), torch.float64: ("d", "F64"), torch.float32: ("f", "F32"),
             torch.float16: ("e", "F16"), torch.bfloat16: ("h", "BF16"), torch.int8: ("b", "I8")}
    for name, tensor in tensors.items():
        code, dtype = codes[tensor.dtype]
        bits = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
        numbers = struct.pack(f"<{tensor.numel()}{code}", *bits.flatten().tolist())
        header[name] = dict(dtype=dtype, shape=list(tensor.shape),
                            data_offsets=[len(data), len(data) + len(numbers)])
        data += numbers
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def make_model(layers, bidirectional, inputs, hidden, bias=True, outputs=3, **_):
    return torch.nn.ModuleDict(dict(
        lstm=torch.nn.LSTM(inputs, hidden, layers, bias=bias, batch_first=True,
                           bidirectional=bidirectional),
        fc=torch.nn.Linear((2 if bidirectional else 1) * hidden, outputs, bias=bias)))


def answers(model, x, lengths):
    """After the last valid step [B,O], and after every step [B,T,O]."""
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
    output, (h, _) = model["lstm"](packed)
    output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, True, total_length=x.shape[1])
    last = torch.cat((h[-2], h[-1]), 1) if model["lstm"].bidirectional else h[-1]
    return model["fc"](last), model["fc"](output)


def make_case(seed, shape):
    torch.manual_seed(seed)
    model = make_model(**shape)
    for weights in model.parameters():
        weights *= shape.get("scale", 1)
    batch, steps = shape.get("batch", 4), shape.get("steps", 30)
    x = torch.randn(batch, steps, shape["inputs"])
    lengths = torch.randint(1, steps + 1, (batch,))
    lengths[0] = steps
    last, every = answers(model, x, lengths)
    tensors = dict(model.state_dict(), x=x, lengths=lengths, last_step=last, every_step=every)
    # The widest first, so that every tensor is aligned.
    return model, dict(sorted(tensors.items(), key=lambda item: -item[1].element_size()))


def largest_difference(model, case):
    """Of the valid steps, relative to answers that are larger than 1."""
    last, every = answers(model, case["x"], case["lengths"])
    steps = torch.arange(case["x"].shape[1])
    valid = (steps < case["lengths"][:, None])[:, :, None]
    off = [abs(last - case["last_step"]) / case["last_step"].abs().clamp(min=1),
           abs(every - case["every_step"]) / case["every_step"].abs().clamp(min=1) * valid]
    return max(values.max().item() for values in off)


def state_dict_of(tensors, network):
    """The tensors of a glstm file under PyTorch's names."""
    result = {"fc.weight": tensors["readout.w"], "fc.bias": tensors["readout.b"]}
    for l in range(len(network["hidden"])):
        for half, end in (("", ""), ("reverse.", "_reverse"))[:1 + network["bidirectional"]]:
            w_ih, w_hh, b = (tensors[f"layer{l}.{half}{block}"] for block in ("w_ih", "w_hh", "b"))
            result[f"lstm.weight_ih_l{l}{end}"], result[f"lstm.weight_hh_l{l}{end}"] = w_ih, w_hh
            result[f"lstm.bias_ih_l{l}{end}"], result[f"lstm.bias_hh_l{l}{end}"] = b, b * 0
    return result


def check(condition, what):
    if not condition:
        sys.exit(f"failed: {what}")


def check_types(read, folder):
    """The function of the documentation knows all types of weights."""
    written = {str(dtype): torch.tensor([[0, 1.5, -2], [3, -0.25, 100]]).to(dtype)
               for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16,
                             torch.int8)}
    write(folder / "types.safetensors", written)
    tensors, _ = read(folder / "types.safetensors")
    for name, tensor in written.items():
        check(tensors[name].dtype == tensor.dtype and torch.equal(tensors[name], tensor), name)


def check_storage(read, folder, full):
    """The weights of the float16 and int8 files, against those of the full one."""
    half, metadata = read(folder / "float16.safetensors")
    check('"weights":"float16"' in metadata["glstm.network"], "the file says float16")
    small, metadata = read(folder / "int8.safetensors")
    check('"weights":"int8"' in metadata["glstm.network"], "the file says int8")
    for name, tensor in full.items():
        if tensor.dim() == 1:
            check(torch.equal(half[name], tensor) and torch.equal(small[name], tensor), name)
            continue
        check(torch.equal(half[name], tensor.half()), f"{name} is rounded to float16")
        scale = small[name + ".scale"][:, None]
        check(small[name].dtype == torch.int8, f"{name} is int8")
        off = abs(small[name].float() * scale - tensor)
        check((off <= 0.5001 * scale).all().item(), f"{name} is rounded to int8")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--golden":
        for seed, (name, shape) in enumerate(GOLDEN.items()):
            _, case = make_case(seed, shape)
            write(pathlib.Path(sys.argv[2]) / f"{name}.safetensors", case,
                  dict(made_by=f"PyTorch {torch.__version__}"))
        return
    exchange, document = sys.argv[1:]
    # The function that the documentation shows is the one that reads here.
    shown = re.search(r"```python\n(.*?)```", pathlib.Path(document).read_text(), re.DOTALL)
    namespace = {}
    exec(shown.group(1), namespace)
    read = namespace["read"]
    with tempfile.TemporaryDirectory() as name:
        check_types(read, pathlib.Path(name))

    largest = {"glstm, weights of PyTorch": 0, "PyTorch, weights exported by glstm": 0,
               "PyTorch, weights of a glstm file": 0}
    for seed, shape in enumerate(CASES):
        model, case = make_case(seed, shape)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            write(folder / "case.safetensors", case)
            run = subprocess.run([exchange, folder / "case.safetensors", folder],
                                 capture_output=True, text=True)
            check(run.returncode == 0, f"{shape}: {run.stdout}{run.stderr}")

            exported = make_model(**dict(shape, bias=True))  # glstm's layers always have biases
            exported.load_state_dict(read(folder / "pytorch.safetensors")[0])
            full, metadata = read(folder / "full.safetensors")
            network = json.loads(metadata["glstm.network"])
            check(network["hidden"] == [shape["hidden"]] * shape["layers"], "the sizes are said")
            native = make_model(**dict(shape, bias=True))
            native.load_state_dict(state_dict_of(full, network))
            check_storage(read, folder, full)
            found = [float(run.stdout), largest_difference(exported, case),
                     largest_difference(native, case)]
        for what, difference in zip(largest, found):
            largest[what] = max(largest[what], difference)
            check(difference <= TOLERANCE, f"{what}: off by {difference} for {shape}")
    print(f"{len(CASES)} models, PyTorch {torch.__version__}, largest differences:")
    for what, difference in largest.items():
        print(f"  {what}: {difference:.2g}")


if __name__ == "__main__":
    with torch.no_grad():
        main()
