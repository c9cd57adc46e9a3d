#include "split.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "glstm/core/random.hpp"

namespace sequence_tasks {
namespace {

using namespace glstm;

/// All sequences in random order, such that any part from the front on has all classes in
/// proportion.
std::vector<Index> random_order(const Sequences& data, std::uint64_t seed) {
  Rng rng(seed);
  const std::vector<Index> order = rng.permutation(data.size());
  const bool classes = data.has_labels() && !data.every_step;
  std::map<int, std::vector<Index>> members;
  for (const Index s : order) {
    members[classes ? data.labels[static_cast<std::size_t>(s)] : 0].push_back(s);
  }
  std::vector<std::pair<double, Index>> placed;  // a class is spread evenly over 0 ... 1
  for (const auto& [label, sequences] : members) {
    const double count = static_cast<double>(sequences.size());
    for (std::size_t n = 0; n < sequences.size(); ++n) {
      placed.emplace_back((static_cast<double>(n) + rng.uniform()) / count, sequences[n]);
    }
  }
  std::sort(placed.begin(), placed.end());
  std::vector<Index> result;
  for (const auto& [place, sequence] : placed) result.push_back(sequence);
  return result;
}

/// All sequences by the time of their first step, the last ones first; in the order of the file
/// where there are no times.
std::vector<Index> latest_first(const Sequences& data) {
  std::vector<Index> order(static_cast<std::size_t>(data.size()));
  for (std::size_t s = 0; s < order.size(); ++s) order[s] = static_cast<Index>(s);
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return data.begin_of(a) < data.begin_of(b); });
  std::reverse(order.begin(), order.end());
  return order;
}

/// All sequences, group by group in random order.
std::vector<Index> by_group(const Sequences& data, std::uint64_t seed) {
  std::map<std::string, std::vector<Index>> members;
  for (Index s = 0; s < data.size(); ++s) {
    members[data.groups[static_cast<std::size_t>(s)]].push_back(s);
  }
  detail::require(members.size() >= 3, data.source,
                  ": expected at least 3 values in the column of "
                  "--split-by, one each for training, validation and test, got ",
                  members.size());
  std::vector<std::string> names;
  for (const auto& [name, sequences] : members) names.push_back(name);
  Rng rng(seed);
  std::vector<Index> order;
  for (const Index g : rng.permutation(static_cast<Index>(names.size()))) {
    const auto& sequences = members[names[static_cast<std::size_t>(g)]];
    order.insert(order.end(), sequences.begin(), sequences.end());
  }
  return order;
}

/// How many sequences to take, from place `first` of `order` on, such that no group is cut and at
/// least `left` groups are left: the number nearest to `wanted`, but at least one group.
Index whole_groups(const Sequences& data, const std::vector<Index>& order, Index first,
                   Index wanted, std::size_t left) {
  std::vector<Index> ends;  // of the groups, counted from `first`
  for (Index place = first; place < data.size(); ++place) {
    const auto group = [&](Index p) {
      return data.groups[static_cast<std::size_t>(order[static_cast<std::size_t>(p)])];
    };
    if (place + 1 == data.size() || group(place + 1) != group(place)) {
      ends.push_back(place + 1 - first);
    }
  }
  ends.resize(ends.size() - std::min(left, ends.size() - 1));
  return *std::min_element(ends.begin(), ends.end(), [&](Index a, Index b) {
    return std::abs(a - wanted) < std::abs(b - wanted);
  });
}

/// How many of the windows begin at the same time, as those of several series do.
Index parallel_series(const Sequences& data) {
  std::map<double, Index> count;
  Index most = 1;
  for (Index s = 0; s < data.size() && data.has_times(); ++s) {
    most = std::max(most, ++count[data.begin_of(s)]);
  }
  return most;
}

}  // namespace

void require_answers(const Sequences& data, const std::vector<Index>& part, const char* what) {
  for (const Index s : part) {
    for (Index n = data.every_step ? data.start(s) : s;
         n < (data.every_step ? data.start(s + 1) : s + 1); ++n) {
      if (data.is_known(n)) return;
    }
  }
  detail::require(part.empty(), data.source, ": expected known answers among the ", part.size(),
                  " sequences for ", what,
                  ", found none: leave out sequences without an answer, or "
                  "choose another --split-by");
}

DataParts split_sequences(const Sequences& data, const Settings& settings, bool with_test) {
  const std::string& by = settings.split_by;
  const bool groups = !data.groups.empty();
  detail::require(groups || by == "auto" || by == "random" || by == "time",
                  "--split-by: expected auto, random or time, or with --task csv a column, got ",
                  by);
  const bool by_time = by == "time" || (by == "auto" && settings.window > 0);
  const std::vector<Index> order = groups    ? by_group(data, settings.data_seed)
                                   : by_time ? latest_first(data)
                                             : random_order(data, settings.data_seed);
  const Index size = data.size(), tenth = std::max<Index>(1, size / 10);
  // Windows of one series overlap: those whose forecasts overlap with another part are left out.
  const Index gap = settings.window > 0 && by_time && !groups
                        ? (settings.forecast - 1) / settings.stride * parallel_series(data)
                        : 0;
  detail::require(size >= 3 + 2 * gap, data.source, ": expected at least ", 3 + 2 * gap,
                  " sequences, for training, validation and test, got ", size);
  Index tests = 0;
  if (with_test) {
    const double part = settings.test_share * static_cast<double>(size);
    const Index share = std::max<Index>(1, static_cast<Index>(part + 1e-9));
    tests = count_of(settings.test_sequences, share, size - 2 - 2 * gap,
                     settings.test_sequences ? "--test-sequences" : "--test-share");
    if (groups) tests = whole_groups(data, order, 0, tests, 2);
  }
  const Index held_from = tests + (with_test ? gap : 0);
  const Index most_held_out = size - 1 - gap - held_from;
  Index held_out = count_of(settings.held_out, std::min({Index{5000}, tenth, most_held_out}),
                            most_held_out, "--held-out");
  if (groups) held_out = whole_groups(data, order, held_from, held_out, 1);
  const Index train_from = held_from + held_out + gap, rest = size - train_from;
  detail::require(rest >= 1, data.source,
                  ": expected sequences that are left for training, got none");
  const Index used = count_of(settings.training_sequences, rest, rest, "--training-sequences");
  const auto pick = [&](Index first, Index count) {
    return std::vector<Index>(order.begin() + first, order.begin() + first + count);
  };
  const DataParts parts{pick(train_from, used), pick(held_from, held_out), pick(0, tests)};
  require_answers(data, parts.training, "training");
  require_answers(data, parts.held_out, "validation");
  require_answers(data, parts.test, "the test");
  return parts;
}

}  // namespace sequence_tasks
