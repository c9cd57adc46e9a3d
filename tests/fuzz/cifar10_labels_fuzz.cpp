#include "fuzz.hpp"
#include "glstm/io/cifar10.hpp"

namespace cifar10_labels_fuzz {

FUZZ_TARGET(cifar10_labels) {
  const auto path = fuzz::file_of(fuzz::text_of(data, size), "test_lables.json");
  std::vector<std::uint8_t> labels(3);
  if (!fuzz::accepts([&] { glstm::detail::read_cifar10_labels(path, labels); })) return 0;
  for (const int label : labels) fuzz::promise(label < 10, "a label is one of the classes");
  return 0;
}

}  // namespace cifar10_labels_fuzz
