#include "fuzz.hpp"
#include "glstm/io/safetensors.hpp"

namespace safetensors_fuzz {

namespace {

const fuzz::ValidInput some_tensors("safetensors", [] {
  glstm::Safetensors file;
  file.metadata = {{"a", "b"}};
  file.tensors = {{"d", {{1, 2}, std::vector<double>{0.5, -1}}},
                  {"f", {{2}, std::vector<float>{1, 2}}},
                  {"i", {{}, std::vector<std::int64_t>{-3}}},
                  {"u", {{0, 3}, std::vector<std::uint8_t>{}}}};
  return glstm::format_safetensors(file);
});

}  // namespace

FUZZ_TARGET(safetensors) {
  glstm::Safetensors file;
  if (!fuzz::accepts([&] { file = glstm::parse_safetensors(fuzz::text_of(data, size), "input"); }))
    return 0;
  std::size_t bytes = 0;
  for (const auto& entry : file.tensors) {
    const glstm::Tensor& tensor = entry.second;
    tensor.as<double>();
    fuzz::accepts([&] { tensor.as<std::int8_t>(); });
    std::visit([&](const auto& values) { bytes += values.size() * sizeof values[0]; },
               tensor.values);
  }
  fuzz::promise(bytes <= size, "tensors take no more memory than the file");
  const std::string written = glstm::format_safetensors(file);
  const std::string again =
      glstm::format_safetensors(glstm::parse_safetensors(written, "what was written"));
  fuzz::promise(written == again, "what is written comes back bit for bit");
  return 0;
}

}  // namespace safetensors_fuzz
