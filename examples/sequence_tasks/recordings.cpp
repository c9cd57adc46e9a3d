#include "recordings.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"
#include "glstm/data/class_numbers.hpp"
#include "glstm/data/csv_fields.hpp"
#include "glstm/data/text_file.hpp"
#include "log_mel.hpp"
#if GLSTM_SEQUENCE_TASKS_SNDFILE
#include <sndfile.h>

#include <memory>
#endif

namespace sequence_tasks {
namespace {

using namespace glstm;
namespace fs = std::filesystem;

#if GLSTM_SEQUENCE_TASKS_SNDFILE
/// The samples of a recording, as the mean of its channels, and its sample rate in Hz.
struct Recording {
  std::vector<double> samples;
  int rate = 0;
};

/// Throws Error if a file is shorter than its RIFF header says; libsndfile would read what is left.
/// Programs that write to a pipe do not know the size and write 0, or about 2^31 or more.
void require_whole_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  char head[8] = {};
  if (!file.read(head, 8) || std::string_view(head, 4) != "RIFF") return;
  std::uintmax_t rest = 0;  // the bytes that follow these eight
  for (int b = 3; b >= 0; --b) rest = 256 * rest + static_cast<unsigned char>(head[4 + b]);
  if (rest == 0 || rest >= 0x7fff0000) return;
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  detail::require(!error, path.string(), ": cannot tell its size: ", error.message());
  detail::require(rest + 8 <= size + 1,  // some programs leave out the last byte, which pads
                  path.string(), ": its header says ", rest + 8, " bytes, but it has ", size,
                  ": was it cut off?");
}

Recording read_recording(const fs::path& path) {
  require_whole_file(path);
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file(sf_open(path.c_str(), SFM_READ, &info),
                                                         sf_close);
  detail::require(file != nullptr, path.string(), ": expected a recording, found ",
                  sf_strerror(nullptr));
  Recording recording;
  recording.rate = info.samplerate;
  std::vector<double> frame(static_cast<std::size_t>(info.channels));
  while (sf_readf_double(file.get(), frame.data(), 1) == 1) {
    double sum = 0;
    for (const double sample : frame) sum += sample;
    recording.samples.push_back(sum / static_cast<double>(frame.size()));
  }
  detail::require(sf_error(file.get()) == SF_ERR_NO_ERROR, path.string(),
                  ": expected a whole recording, found ", sf_strerror(file.get()));
  detail::require(!recording.samples.empty(), path.string(), ": expected samples, found none");
  return recording;
}

/// Means of as many samples as bring `rate` to `wanted`.
void reduce_rate(Recording& recording, Index wanted, const fs::path& path) {
  if (wanted == 0 || wanted == recording.rate) return;
  detail::require(recording.rate % wanted == 0, path.string(),
                  ": expected a sample rate that is a multiple of --sample-rate ", wanted,
                  ", found ", recording.rate);
  const std::size_t factor = static_cast<std::size_t>(recording.rate / wanted);
  std::vector<double> means;
  for (std::size_t first = 0; first < recording.samples.size(); first += factor) {
    const std::size_t end = std::min(recording.samples.size(), first + factor);
    double sum = 0;
    for (std::size_t n = first; n < end; ++n) sum += recording.samples[n];
    means.push_back(sum / static_cast<double>(end - first));
  }
  recording.samples = std::move(means);
}

/// The classes in a CSV file with the columns file and label.
std::map<std::string, std::string> read_labels(const fs::path& path) {
  const std::string text = detail::read_text_file(path, "a CSV file");
  std::map<std::string, std::string> labels;
  std::string_view rest = text;
  std::vector<std::string> fields;
  char separator = ',';
  for (Index line = 1; !rest.empty(); ++line) {
    const std::string_view row = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), row.size() + 1));
    if (row.find_first_not_of(" \t\r") == row.npos) continue;
    if (line == 1) separator = detail::csv_separator(row);
    const char* problem = detail::split_csv_row(row, separator, fields);
    detail::require(problem == nullptr && fields.size() == 2, path.string(), ":", line,
                    ": expected a file and a label, found \"", row.substr(0, 60), "\"");
    if (line == 1 && fields[0] == "file") continue;
    detail::require(labels.emplace(fields[0], fields[1]).second, path.string(), ":", line,
                    ": expected one label of each file, found a second one of ", fields[0]);
  }
  return labels;
}

/// The recordings below a folder, in the order of their names.
std::vector<fs::path> recordings_in(const fs::path& folder) {
  detail::require(fs::is_directory(folder), folder.string(),
                  ": expected a folder of recordings, found none");
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (detail::lower_case(entry.path().extension().string()) == ".wav") {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  detail::require(!paths.empty(), folder.string(), ": expected .wav files, found none");
  return paths;
}

/// The class of a recording, whose name is its path within the folder.
class Labeller {
 public:
  explicit Labeller(const Settings& settings) : settings_(settings) {
    if (!settings.labels.empty()) labels_ = read_labels(settings.labels);
    try {
      pattern_ = settings.label_pattern;
    } catch (const std::regex_error& error) {
      throw Error("--label-pattern: expected a regular expression, got " + settings.label_pattern);
    }
  }

  std::string label(const fs::path& path, const std::string& name) const {
    if (!settings_.labels.empty()) {
      for (const std::string& known : {name, path.filename().string(), path.stem().string()}) {
        const auto found = labels_.find(known);
        if (found != labels_.end()) return found->second;
      }
      return "";
    }
    std::smatch match;
    return std::regex_search(name, match, pattern_) && match.size() > 1 ? match[1].str() : "";
  }

 private:
  const Settings& settings_;
  std::map<std::string, std::string> labels_;
  std::regex pattern_;
};
#endif

}  // namespace

Sequences read_recordings(const fs::path& folder, const Settings& settings) {
#if GLSTM_SEQUENCE_TASKS_SNDFILE
  Sequences data;
  data.source = folder.string();
  for (Index band = 1; band <= settings.mel_bands; ++band) {
    data.description.feature_names.push_back("band " + std::to_string(band));
  }
  if (settings.mel_bands == 0) data.description.feature_names = {"sample"};
  const Labeller labeller(settings);
  std::vector<std::string> labels;
  int rate = 0;
  for (const fs::path& path : recordings_in(folder)) {
    Recording recording = read_recording(path);
    detail::require(rate == 0 || recording.rate == rate, path.string(), ": expected a sample rate ",
                    "of ", rate, ", as in the recordings before, found ", recording.rate);
    rate = recording.rate;
    reduce_rate(recording, settings.sample_rate, path);
    data.description.sample_rate =
        static_cast<double>(settings.sample_rate > 0 ? settings.sample_rate : rate);
    data.names.push_back(path.lexically_relative(folder).generic_string());
    labels.push_back(labeller.label(path, data.names.back()));
    const std::vector<double> values =
        settings.mel_bands > 0
            ? log_mel_spectra(recording.samples, data.description.sample_rate, settings.mel_bands)
            : std::move(recording.samples);
    data.values.insert(data.values.end(), values.begin(), values.end());
    data.starts.push_back(static_cast<Index>(data.values.size()) / data.features());
  }
  detail::ClassNumbers classes = detail::number_classes(labels);
  if (!classes.names.empty()) data.labels = std::move(classes.labels);
  data.description.class_names = std::move(classes.names);
  return data;
#else
  static_cast<void>(settings);
  throw Error(folder.string() +
              ": cannot read recordings: this program was built without libsndfile (Debian: "
              "libsndfile1-dev)");
#endif
}

}  // namespace sequence_tasks
