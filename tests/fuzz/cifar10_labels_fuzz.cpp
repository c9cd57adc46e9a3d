#include "fuzz.hpp"
#include "glstm/io/cifar10.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = fuzz::file_of(fuzz::text_of(data, size), "test_lables.json");
  std::vector<std::uint8_t> labels(3);
  if (!fuzz::accepts([&] { glstm::detail::read_cifar10_labels(path, labels); })) return 0;
  for (const int label : labels) fuzz::promise(label < 10, "a label is one of the classes");
  return 0;
}
