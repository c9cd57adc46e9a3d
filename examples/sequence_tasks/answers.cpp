#include "answers.hpp"

#include <algorithm>
#include <iomanip>
#include <ostream>

#include "glstm/core/error.hpp"

namespace sequence_tasks {
namespace {

using namespace glstm;

Json ratio(double part, double whole) { return whole > 0 ? Json(part / whole) : Json(); }

Json class_scores(const Answers& answers) {
  const std::size_t classes = answers.names.size();
  std::vector<std::vector<Index>> confusion(classes, std::vector<Index>(classes));
  for (Index n = 0; n < answers.size(); ++n) {
    const int label = answers.labels[static_cast<std::size_t>(n)];
    if (label < 0) continue;
    ++confusion[static_cast<std::size_t>(label)][static_cast<std::size_t>(answers.predicted(n))];
  }
  Json json, by_class = Json::array();
  double recalls = 0, occurring = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    double right = static_cast<double>(confusion[c][c]), of_class = 0, answered = 0;
    for (std::size_t other = 0; other < classes; ++other) {
      of_class += static_cast<double>(confusion[c][other]);
      answered += static_cast<double>(confusion[other][c]);
    }
    if (of_class > 0) {
      recalls += right / of_class;
      ++occurring;
    }
    by_class.push_back({{"class", answers.names[c]},
                        {"count", of_class},
                        {"precision", ratio(right, answered)},
                        {"recall", ratio(right, of_class)},
                        {"f1", ratio(2 * right, of_class + answered)}});
  }
  json["balanced_accuracy"] = ratio(recalls, occurring);
  json["by_class"] = std::move(by_class);
  json["confusion"] = confusion;
  return json;
}

Json number_scores(const Answers& answers) {
  Json by_target = Json::array();
  double all_squares = 0, all_count = 0;
  for (Index o = 0; o < answers.outputs(); ++o) {
    double squares = 0, distances = 0, sum = 0, square_sum = 0, count = 0;
    for (Index n = 0; n < answers.size(); ++n) {
      const auto at = static_cast<std::size_t>(n * answers.outputs() + o);
      const double right = answers.targets[at], error = answers.values[at] - right;
      if (std::isnan(right)) continue;
      squares += error * error;
      distances += std::abs(error);
      sum += right;
      ++count;
    }
    for (Index n = 0; n < answers.size(); ++n) {
      const double right = answers.targets[static_cast<std::size_t>(n * answers.outputs() + o)];
      if (!std::isnan(right)) square_sum += (right - sum / count) * (right - sum / count);
    }
    by_target.push_back({{"target", answers.names[static_cast<std::size_t>(o)]},
                         {"rmse", count > 0 ? Json(std::sqrt(squares / count)) : Json()},
                         {"mae", ratio(distances, count)},
                         {"r2", square_sum > 0 ? Json(1 - squares / square_sum) : Json()}});
    all_squares += squares;
    all_count += count;
  }
  return {{"rmse", all_count > 0 ? Json(std::sqrt(all_squares / all_count)) : Json()},
          {"by_target", std::move(by_target)}};
}

}  // namespace

Answers::Answers(const DataDescription& description, const Loss& loss, Index outputs)
    : has_classes(loss.has_labels()),
      names(has_classes ? description.class_names : description.target_names),
      loss_(loss),
      scaling_(description.target_scaling) {
  for (Index o = static_cast<Index>(names.size()); o < outputs; ++o) {
    names.push_back(detail::text_of(has_classes ? "" : "target ", o));
  }
}

Index Answers::predicted(Index n) const {
  const auto first = values.begin() + n * outputs();
  return std::max_element(first, first + outputs()) - first;
}

void Answers::begin_sequence(Index sequence) {
  const auto at = static_cast<std::size_t>(sequence);
  if (first_answer.size() <= at) first_answer.resize(at + 1);
  first_answer[at] = size();
}

void Answers::add_values(const std::vector<double>& outputs) {
  if (!has_classes) {
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      const Scaling s = scaling_.empty() ? Scaling{} : scaling_[o];
      values.push_back(outputs[o] * s.scale + s.offset);
    }
    return;
  }
  std::vector<double> probabilities = outputs;
  loss_->to_probabilities(probabilities);
  values.insert(values.end(), probabilities.begin(), probabilities.end());
}

void Answers::add_targets(const std::vector<double>& scaled) {
  for (std::size_t o = 0; o < scaled.size(); ++o) {
    const Scaling s = scaling_.empty() ? Scaling{} : scaling_[o];
    targets.push_back(scaled[o] * s.scale + s.offset);
  }
}

Json scores(const Answers& answers) {
  if (answers.has_classes) return answers.labels.empty() ? Json() : class_scores(answers);
  return answers.targets.empty() ? Json() : number_scores(answers);
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",;\"\n\r\t") == std::string::npos) return text;
  std::string result = "\"";
  for (char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result.append("\"");
}

void write_targets_and_answers(const Answers& answers, std::ostream& out) {
  out << "target,right,answer\n";
  out.precision(9);
  const Index count = std::min<Index>(2000, answers.size());
  for (Index o = 0; o < answers.outputs(); ++o) {
    // Such a file is read back by its commas.
    std::string name = answers.names[static_cast<std::size_t>(o)];
    std::replace(name.begin(), name.end(), ',', ' ');
    for (Index i = 0; i < count; ++i) {
      const Index n = i * answers.size() / count;
      const auto at = static_cast<std::size_t>(n * answers.outputs() + o);
      if (std::isnan(answers.targets[at])) continue;
      out << name << ',' << answers.targets[at] << ',' << answers.values[at] << '\n';
    }
  }
}

void write_answers(const Answers& answers, const Sequences& data, bool every_step,
                   bool probabilities, std::ostream& out) {
  out.precision(9);
  out << "sequence";
  if (every_step) out << (data.has_times() ? ",step,time" : ",step");
  if (answers.has_classes) out << ",prediction";
  for (const std::string& name : answers.names) {
    if (answers.has_classes && !probabilities) continue;
    out << ',' << csv_field(answers.has_classes ? "probability " + name : name);
  }
  out << '\n';
  for (Index s = 0; s < data.size(); ++s) {
    for (Index step = 0; step < (every_step ? data.length(s) : 1); ++step) {
      const Index n = answers.first_answer[static_cast<std::size_t>(s)] + step;
      out << (data.names.empty() ? std::to_string(s)
                                 : csv_field(data.names[static_cast<std::size_t>(s)]));
      if (every_step) out << ',' << step;
      if (every_step && data.has_times()) {
        out << ',' << std::setprecision(15) << data.time(s, step) << std::setprecision(9);
      }
      if (answers.has_classes) {
        out << ',' << csv_field(answers.names[static_cast<std::size_t>(answers.predicted(n))]);
      }
      for (Index o = 0; o < answers.outputs(); ++o) {
        if (answers.has_classes && !probabilities) continue;
        out << ',' << answers.values[static_cast<std::size_t>(n * answers.outputs() + o)];
      }
      out << '\n';
    }
  }
}

}  // namespace sequence_tasks
