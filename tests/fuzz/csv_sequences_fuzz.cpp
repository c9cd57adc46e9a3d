#include <numeric>
#include <optional>

#include "fuzz.hpp"
#include "glstm/data/csv_sequences.hpp"
#include "glstm/data/prepare_sequences.hpp"

namespace csv_sequences_fuzz {

namespace {

/// Loads every sequence; each must be one that a network can read.
template <class Scalar>
void load_all(const glstm::Sequences& data) {
  std::optional<glstm::SequenceDataset<Scalar>> made;
  if (!fuzz::accepts([&] { made.emplace(data); })) return;  // too large for a Scalar
  const glstm::SequenceDataset<Scalar>& sequences = *made;
  glstm::LabelledBatch<Scalar> batch;
  const auto check = [&](const std::vector<glstm::Index>& samples) {
    sequences.load(samples, batch);
    batch.input.check();
    fuzz::promise(batch.input.values.allFinite() && batch.targets.values.allFinite(),
                  "numbers are finite");
    for (const int label : batch.targets.labels.reshaped()) {
      fuzz::promise(label >= 0 && label < std::max<glstm::Index>(1, data.classes()),
                    "a label is one of the classes");
    }
  };
  for (glstm::Index sample = 0; sample < sequences.size(); ++sample) check({sample});
  std::vector<glstm::Index> some(
      static_cast<std::size_t>(std::min<glstm::Index>(16, sequences.size())));
  std::iota(some.begin(), some.end(), glstm::Index{0});
  check(some);
}

void read(std::string_view text, const glstm::CsvOptions& options) {
  glstm::Sequences data;
  if (!fuzz::accepts([&] { data = glstm::parse_csv_sequences(text, "input", options); })) return;
  // From here on an Error would be a broken promise as well.
  try {
    glstm::fill_missing(data, glstm::Missing::last);
    load_all<float>(data);
    load_all<double>(data);
    if (fuzz::accepts([&] { glstm::use_clock(data, glstm::ClockKind::own); }))
      load_all<double>(data);
    fuzz::promise(data.first_time() <= data.last_time(), "time is in order");
  } catch (const glstm::Error& error) {
    throw std::logic_error(error.what());
  }
}

}  // namespace

FUZZ_TARGET(csv_sequences) {
  read(fuzz::text_of(data, size), {});
  read(fuzz::text_of(data, size), {.sort = true, .allow_missing = true, .one_sequence = true});
  return 0;
}

}  // namespace csv_sequences_fuzz
