#!/bin/sh
# onnxruntime computes ReduceSum, ReduceMean, ReduceProd, ReduceL1 and the sums of Einsum for int64 in float64: beyond
# 2**53 the last digits are wrong, and an Einsum of one operand, "ij->i", differs from MatMul, CumSum and an Einsum
# with ones, which are exact. int32 that wraps in those stops at its largest number in ReduceSum. Its operators are
# listed with int64, the specification says "the sum of the input tensor's elements along the provided axes", and the
# reference evaluator of onnx is exact. Sums of identifiers, nanoseconds and fixed-point numbers are off; nothing
# warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    onnxruntime==1.32.0 \
    onnx==1.23.2 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: in each line the same twice'
cat >before <<'E'
MatMul  int64 [9007199254740999, 1152921504606846989], reference [9007199254740999, 1152921504606846989]
CumSum  int64 [9007199254740993, 9007199254740995, 9007199254740999, 1152921504606846979, 1152921504606846983, 1152921504606846989], reference [9007199254740993, 9007199254740995, 9007199254740999, 1152921504606846979, 1152921504606846983, 1152921504606846989]
Einsum ij,j->i int64 [9007199254740999, 1152921504606846989], reference [9007199254740999, 1152921504606846989]
Einsum ij->i int64 [9007199254740998, 1152921504606846976], reference [9007199254740999, 1152921504606846989]
ReduceSum  int64 [9007199254740998, 1152921504606846976], reference [9007199254740999, 1152921504606846989]
ReduceMean  int64 [3002399751580332, 384307168202282304], reference [3002399751580333, 384307168202282304]
ReduceL1  int64 [9007199254740998, 1152921504606846976], reference [9007199254740999, 1152921504606846989]
ReduceProd  int64 [9007199254740992, 1152921504606846976], reference [9007199254740993, 1152921504606846979]
ReduceMax  int64 [9007199254740993, 1152921504606846979], reference [9007199254740993, 1152921504606846979]
MatMul  int32 [-2147483648], reference [-2147483648]
ReduceSum  int32 [2147483647], reference [-2147483648]
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

OPTIONS = onnxruntime.SessionOptions()
OPTIONS.log_severity_level = 4


def computed(operator, feeds, **attributes):
    inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(each.dtype), each.shape)
              for name, each in feeds.items()]
    output = [helper.make_tensor_value_info("y", inputs[0].type.tensor_type.elem_type, None)]
    graph = helper.make_graph([helper.make_node(operator, list(feeds), ["y"], **attributes)], "g", inputs, output)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), OPTIONS, providers=["CPUExecutionProvider"])
    return [np.ravel(each).tolist() for each in (session.run(None, feeds)[0], ReferenceEvaluator(model).run(None, feeds)[0])]


big = np.array([[2**53 + 1, 2, 4], [2**60 + 3, 4, 6]])
ones, axis = np.ones(3, np.int64), np.array([1])
small = np.array([[2**31 - 1, 1]], np.int32)
for operator, feeds, attributes in (
    ("MatMul", {"x": big, "ones": ones}, {}),
    ("CumSum", {"x": big, "axis": np.array(1)}, {}),
    ("Einsum", {"x": big, "ones": ones}, {"equation": "ij,j->i"}),
    ("Einsum", {"x": big}, {"equation": "ij->i"}),
    ("ReduceSum", {"x": big, "axes": axis}, {"keepdims": 0}),
    ("ReduceMean", {"x": big, "axes": axis}, {"keepdims": 0}),
    ("ReduceL1", {"x": big, "axes": axis}, {"keepdims": 0}),
    ("ReduceProd", {"x": np.array([[2**53 + 1, 1], [2**60 + 3, 1]]), "axes": axis}, {"keepdims": 0}),
    ("ReduceMax", {"x": big, "axes": axis}, {"keepdims": 0}),
    ("MatMul", {"x": small, "ones": np.ones(2, np.int32)}, {}),
    ("ReduceSum", {"x": small, "axes": axis}, {"keepdims": 0}),
):
    print(operator, attributes.get("equation", ""), feeds["x"].dtype, "{}, reference {}".format(*computed(operator, feeds, **attributes)))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
