#include "fuzz.hpp"
#include "glstm/data/prepare_sequences.hpp"
#include "glstm/data/ts_sequences.hpp"

namespace ts_sequences_fuzz {

namespace {

void read(std::string_view text, bool allow_missing) {
  glstm::Sequences data;
  if (!fuzz::accepts([&] { data = glstm::parse_ts_sequences(text, "input", allow_missing); })) {
    return;
  }
  // From here on an Error would be a broken promise.
  try {
    glstm::fill_missing(data, glstm::Missing::zero);
    data.check();
  } catch (const glstm::Error& error) {
    throw std::logic_error(error.what());
  }
}

}  // namespace

FUZZ_TARGET(ts_sequences) {
  read(fuzz::text_of(data, size), false);
  read(fuzz::text_of(data, size), true);
  return 0;
}

}  // namespace ts_sequences_fuzz
