// IDX files, in memory, and on disk, where they may be gzip.
#include "fuzz.hpp"
#include "glstm/data/idx.hpp"
#include "glstm/data/image_sequences.hpp"
#include "glstm/io/image_dataset.hpp"

namespace idx_fuzz {

FUZZ_TARGET(idx) {
  glstm::IdxArray parsed, read;
  const bool plain = fuzz::accepts([&] { parsed = glstm::parse_idx({data, size}, "input"); });
  fuzz::promise(parsed.values.size() <= size, "an array takes no more memory than the file");

  const auto path = fuzz::file_of(fuzz::text_of(data, size), "input");
  const bool from_file = fuzz::accepts([&] { read = glstm::detail::read_idx(path); });
  fuzz::promise(!plain || (from_file && read.shape == parsed.shape && read.values == parsed.values),
                "a plain file is read as its bytes");
  if (!from_file || read.values.empty()) return 0;

  glstm::IdxArray labels{{read.shape[0]}, {}, "labels"};
  labels.values.resize(static_cast<std::size_t>(read.shape[0]));
  fuzz::accepts([&] {
    const glstm::ImageSequences<float> images(read, labels, 1);
    glstm::LabelledBatch<float> batch;
    images.load(std::vector<glstm::Index>{0, images.size() - 1}, batch);
    batch.input.check();
  });
  fuzz::accepts([&] { glstm::ImageSequences<float>({{1, 1, 1}, {0}, "image"}, read); });
  return 0;
}

}  // namespace idx_fuzz
