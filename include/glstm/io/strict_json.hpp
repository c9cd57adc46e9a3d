// JSON objects from files: nothing deeper, larger or more ambiguous than was asked for.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

namespace glstm::detail {

using Json = nlohmann::json;

/// The JSON object that `text` is. It is refused while it is being parsed when objects and arrays
/// nest deeper than `levels`, or when it repeats a key, of which nlohmann::json would silently keep
/// one. Throws Error, which says that in `source` a `what` ("a header", say) was expected.
inline Json parse_json_object(std::string_view text, int levels, const std::string& what,
                              const std::string& source) {
  // Checked here because nlohmann::json takes a NUL for the end.
  require(text.find('\0') == text.npos, source, ": expected ", what,
          " of valid JSON, got a NUL byte at ", text.find('\0'));
  std::vector<std::set<std::string>> keys;  // of the objects not yet complete, outermost first
  std::string entry;
  const auto check = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      require(depth < levels, source, ": expected ", what, " of at most ", levels,
              " levels, got more at \"", entry, "\"");
    }
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key) {
      const std::string key = parsed.get<std::string>();
      if (keys.size() == 1) entry = key;
      require(keys.back().insert(key).second, source, ": expected unique keys, got \"", key,
              "\" twice in ", what, ", at \"", entry, "\"");
    }
    return true;
  };
  Json parsed;
  try {
    parsed = Json::parse(text, check);
  } catch (const Json::exception& error) {
    throw Error(source + ": expected " + what + " of valid JSON, got " + error.what());
  }
  require(parsed.is_object(), source, ": expected ", what, " that is a JSON object, got another ",
          "value");
  return parsed;
}

/// The names of an enumeration's values.
template <class Value, std::size_t N>
using Names = std::array<std::pair<std::string_view, Value>, N>;

template <class Value, std::size_t N>
std::string_view name_of(const Names<Value, N>& names, Value value) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const auto& named) { return named.second == value; });
  require(found != names.end(), "expected a value that has a name, got ", static_cast<int>(value));
  return found->first;
}

/// The members of a JSON object from a file, each of the type that is asked for.
class JsonMembers {
 public:
  /// Keeps a reference to `object`. `where` is for the messages.
  JsonMembers(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    require(object.is_object(), where_, ": expected an object, got ", object);
  }

  const Json& at(const std::string& key) {
    known_.insert(key);
    const auto found = object_.find(key);
    require(found != object_.end(), where_, ": expected \"", key, "\", got none");
    return *found;
  }

  std::string text(const std::string& key) {
    const Json& value = at(key);
    require(value.is_string(), where_, ": expected \"", key, "\" to be text, got ", value);
    return value.get<std::string>();
  }

  double number(const std::string& key) {
    const Json& value = at(key);
    require(value.is_number(), where_, ": expected \"", key, "\" to be a number, got ", value);
    return value.get<double>();
  }

  bool truth(const std::string& key) {
    const Json& value = at(key);
    require(value.is_boolean(), where_, ": expected \"", key, "\" to be true or false, got ",
            value);
    return value.get<bool>();
  }

  Index size(const std::string& key) { return size_of(key, at(key)); }

  std::vector<Index> sizes(const std::string& key) {
    std::vector<Index> result;
    for (const Json& item : list(key)) result.push_back(size_of(key, item));
    return result;
  }

  const Json& list(const std::string& key) {
    const Json& value = at(key);
    require(value.is_array(), where_, ": expected \"", key, "\" to be a list, got ", value);
    return value;
  }

  template <class Value, std::size_t N>
  Value choice(const std::string& key, const Names<Value, N>& names) {
    const std::string value = text(key);
    std::string all;
    for (const auto& [name, named] : names) {
      if (name == value) return named;
      all.append(all.empty() ? "" : ", ").append(name);
    }
    throw Error(where_ + ": expected \"" + key + "\" to be one of " + all + ", got \"" + value +
                "\"");
  }

  /// Throws Error if there are other members than have been asked for.
  void require_no_other() const {
    for (const auto& [key, value] : object_.items()) {
      require(known_.contains(key), where_, ": expected no \"", key, "\", which is not known, got ",
              value);
    }
  }

 private:
  /// Small enough for a few of them to be multiplied.
  Index size_of(const std::string& key, const Json& value) const {
    constexpr std::uint64_t max = std::numeric_limits<std::int32_t>::max();
    require(value.is_number_unsigned() && value.get<std::uint64_t>() >= 1 &&
                value.get<std::uint64_t>() <= max,
            where_, ": expected \"", key, "\" to be a size in 1..", max, ", got ", value);
    return value.get<Index>();
  }

  const Json& object_;
  std::string where_;
  std::set<std::string> known_;
};

}  // namespace glstm::detail
