#include <numeric>
#include <optional>

#include "fuzz.hpp"
#include "glstm/data/csv_sequences.hpp"

namespace {

/// Loads every sequence; each must be one that a network can read.
template <class Scalar>
void load_all(const glstm::CsvSequences<Scalar>& sequences) {
  glstm::LabelledBatch<Scalar> batch;
  const auto check = [&](const std::vector<glstm::Index>& samples) {
    sequences.load(samples, batch);
    batch.input.check();
    fuzz::promise(batch.input.values.allFinite() && batch.targets.values.allFinite(),
                  "numbers are finite");
    for (const int label : batch.targets.labels) {
      fuzz::promise(label >= 0 && label < sequences.classes(), "a label is one of the classes");
    }
  };
  for (glstm::Index sample = 0; sample < sequences.size(); ++sample) check({sample});
  std::vector<glstm::Index> some(
      static_cast<std::size_t>(std::min<glstm::Index>(16, sequences.size())));
  std::iota(some.begin(), some.end(), glstm::Index{0});
  check(some);
}

template <class Scalar>
void read(std::string_view text) {
  std::optional<glstm::CsvSequences<Scalar>> sequences;
  if (!fuzz::accepts([&] { sequences.emplace(text, "input"); })) return;
  // From here on an Error would be a broken promise as well.
  try {
    load_all(*sequences);
    if (fuzz::accepts([&] { sequences->count_time_from_first_steps(); })) load_all(*sequences);
    fuzz::promise(sequences->first_time() <= sequences->last_time(), "time is in order");
  } catch (const glstm::Error& error) {
    throw std::logic_error(error.what());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read<float>(fuzz::text_of(data, size));
  read<double>(fuzz::text_of(data, size));
  return 0;
}
