// Binary batches of CIFAR-10, plain or gzip.
#include "fuzz.hpp"
#include "glstm/io/cifar10.hpp"

namespace cifar10_batch_fuzz {

namespace {

const fuzz::ValidInput two_images("cifar10_batch", [] {
  std::string bytes(2 * 3073, '\x7f');
  bytes[0] = 9;
  bytes[3073] = 0;
  return bytes;
});

}  // namespace

FUZZ_TARGET(cifar10_batch) {
  const auto path = fuzz::file_of(fuzz::text_of(data, size), "test_batch.bin");
  for (const glstm::Index images : {1, 2}) {
    std::vector<std::uint8_t> labels, pixels;
    const bool read =
        fuzz::accepts([&] { glstm::detail::read_cifar10_records(path, images, labels, pixels); });
    fuzz::promise(labels.size() == (read ? static_cast<std::size_t>(images) : 0) &&
                      pixels.size() == 3072 * labels.size(),
                  "all images or none");
    for (const int label : labels) fuzz::promise(label < 10, "a label is one of the classes");
  }
  return 0;
}

}  // namespace cifar10_batch_fuzz
