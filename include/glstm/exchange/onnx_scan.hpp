// One step of a layer as the body of an ONNX Scan.
#pragma once

#include <string>

#include "glstm/core/types.hpp"
#include "glstm/exchange/onnx_graph.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::onnx {

/// Returns one step: c_n = k c~ + (1 - k) c, h_n = k h~ + (1 - k) h; without openness c~, h~.
inline Message scan_body(const std::string& prefix, bool has_openness, int scalar_type) {
  Graph body(prefix + "step");
  const auto in = [&](const char* name) { return prefix + "step." + name; };
  for (const char* name : {"c", "h", "zx"}) body.input(in(name), scalar_type);
  if (has_openness) body.input(in("k"), scalar_type);

  body.compute(in("zh"), "MatMul", {in("h"), prefix + "Wh"});
  body.compute(in("z"), "Add", {in("zx"), in("zh")});
  body.node("Split", {in("z")}, {in("zi"), in("zf"), in("zg"), in("zo")},
            {attribute("axis", Index{1})});
  body.compute(in("i"), "Sigmoid", {in("zi")});
  body.compute(in("f"), "Sigmoid", {in("zf")});
  body.compute(in("g"), "Tanh", {in("zg")});
  body.compute(in("o"), "Sigmoid", {in("zo")});
  body.compute(in("fc"), "Mul", {in("f"), in("c")});
  body.compute(in("ig"), "Mul", {in("i"), in("g")});
  body.compute(in("c.proposed"), "Add", {in("fc"), in("ig")});
  body.compute(in("tanh.c"), "Tanh", {in("c.proposed")});
  body.compute(in("h.proposed"), "Mul", {in("o"), in("tanh.c")});
  std::string c = in("c.proposed"), h = in("h.proposed");
  if (has_openness) {
    body.compute(in("kept"), "Sub", {"one", in("k")});
    for (std::string* state : {&c, &h}) {
      const std::string name = state == &c ? "c" : "h", next = prefix + "step." + name + ".next";
      body.compute(next + ".new", "Mul", {in("k"), *state});
      body.compute(next + ".old", "Mul", {in("kept"), prefix + "step." + name});
      *state = body.compute(next, "Add", {next + ".new", next + ".old"});
    }
  }
  body.output(c, scalar_type);
  body.output(h, scalar_type);
  body.output(body.compute(in("h.out"), "Identity", {h}), scalar_type);
  return body.message();
}

}  // namespace detail::onnx
GLSTM_END_NAMESPACE
