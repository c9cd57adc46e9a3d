// Strict reading of JSON objects: limited depth, no repeated keys, members of known types.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

using Json = nlohmann::json;

/// Parses a text without keeping its values. Throws Error unless it is JSON whose objects and
/// arrays nest at most `levels` deep, and whose objects repeat no key.
class JsonCheck : public nlohmann::json_sax<Json> {
 public:
  /// Messages contain `what` and `source`, as those of parse_json_object.
  JsonCheck(int levels, std::string what, std::string source)
      : levels_(levels), what_(std::move(what)), source_(std::move(source)) {}

  /// Returns the number of values, including objects and arrays.
  std::size_t values() const { return values_; }

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }

  bool start_object(std::size_t) override {
    enter();
    keys_.emplace_back();
    return value();
  }
  bool end_object() override {
    keys_.pop_back();
    --level_;
    return true;
  }
  bool start_array(std::size_t) override {
    enter();
    return value();
  }
  bool end_array() override {
    --level_;
    return true;
  }
  bool key(string_t& key) override {
    if (keys_.size() == 1) entry_ = key;
    require(keys_.back().insert(key).second, source_, ": expected unique keys, got \"", key,
            "\" twice in ", what_, ", at \"", entry_, "\"");
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    throw Error(source_ + ": expected " + what_ + " of valid JSON, got " + error.what());
  }

 private:
  bool value() {
    ++values_;
    return true;
  }
  void enter() {
    require(level_ < levels_, source_, ": expected ", what_, " of at most ", levels_,
            " levels, got more at \"", entry_, "\"");
    ++level_;
  }

  int levels_, level_ = 0;
  std::string what_, source_, entry_;
  std::size_t values_ = 0;
  std::vector<std::set<std::string>> keys_;  // of the open objects, the outermost first
};

/// Parses a JSON object into nlohmann::json or another basic_json. Throws Error if the text is not
/// a JSON object, if objects and arrays nest deeper than `levels`, if an object repeats a key, of
/// which nlohmann::json would silently keep one, or if memory cannot hold it. The message says that
/// `what` ("a header", say) was expected in `source`.
template <class Parsed = Json>
Parsed parse_json_object(std::string_view text, int levels, const std::string& what,
                         const std::string& source) {
  // Checked here because nlohmann::json takes a NUL as the end of the text.
  require(text.find('\0') == text.npos, source, ": expected ", what,
          " of valid JSON, got a NUL byte at ", text.find('\0'));
  try {
    // A separate pass, because nlohmann::json's parser with a callback goes through all elements of
    // an array again whenever an object in it ends.
    JsonCheck check(levels, what, source);
    Json::sax_parse(text, &check);
    // nlohmann::json allocates even to destroy an array, so running out of memory half-way would
    // end the program. Therefore more memory than parsing can need is allocated first, and freed: a
    // value takes up to 152 bytes, when an array of {} grows and is destroyed, plus the characters
    // of strings.
    ::operator delete(::operator new(256 * check.values() + 4 * text.size()));
    Parsed parsed = Parsed::parse(text);
    require(parsed.is_object(), source, ": expected ", what,
            " that is a JSON object, got another value");
    return parsed;
  } catch (const Json::exception& error) {
    throw Error(source + ": expected " + what + " of valid JSON, got " + error.what());
  } catch (const std::bad_alloc&) {
    throw Error(source + ": expected " + what + " that memory can hold, got " +
                std::to_string(text.size()) + " bytes");
  }
}

/// The values of an enumeration with their names.
template <class Value, std::size_t N>
using Names = std::array<std::pair<std::string_view, Value>, N>;

template <class Value, std::size_t N>
std::string_view name_of(const Names<Value, N>& names, Value value) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const auto& named) { return named.second == value; });
  require(found != names.end(), "expected a value that has a name, got ", static_cast<int>(value));
  return found->first;
}

/// A value for a message: cut where it is long.
inline std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= 60 ? text : text.substr(0, 60) + "...";
}

/// Reads the members of a JSON object and checks their types.
class JsonMembers {
 public:
  /// Keeps a reference to `object`. `where` is for the messages.
  JsonMembers(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    require(object.is_object(), where_, ": expected an object, got ", shown(object));
  }

  const Json& at(const std::string& key) {
    known_.insert(key);
    const auto found = object_.find(key);
    require(found != object_.end(), where_, ": expected \"", key, "\", got none");
    return *found;
  }

  std::string text(const std::string& key) {
    const Json& value = at(key);
    require(value.is_string(), where_, ": expected \"", key, "\" to be text, got ", shown(value));
    return value.get<std::string>();
  }

  double number(const std::string& key) {
    const Json& value = at(key);
    require(value.is_number(), where_, ": expected \"", key, "\" to be a number, got ",
            shown(value));
    return value.get<double>();
  }

  bool truth(const std::string& key) {
    const Json& value = at(key);
    require(value.is_boolean(), where_, ": expected \"", key, "\" to be true or false, got ",
            shown(value));
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
    require(value.is_array(), where_, ": expected \"", key, "\" to be a list, got ", shown(value));
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
    throw Error(where_ + ": expected \"" + key + "\" to be one of " + all + ", got " +
                shown(value));
  }

  /// Throws Error if the object has members that have not been read.
  void require_no_other() const {
    for (const auto& [key, value] : object_.items()) {
      require(known_.contains(key), where_, ": expected no \"", key, "\", which is not known, got ",
              shown(value));
    }
  }

 private:
  /// Returns a size in 1..2^31-1, so that the product of two cannot overflow.
  Index size_of(const std::string& key, const Json& value) const {
    constexpr std::uint64_t max = std::numeric_limits<std::int32_t>::max();
    require(value.is_number_unsigned() && value.get<std::uint64_t>() >= 1 &&
                value.get<std::uint64_t>() <= max,
            where_, ": expected \"", key, "\" to be a size in 1..", max, ", got ", shown(value));
    return value.get<Index>();
  }

  const Json& object_;
  std::string where_;
  std::set<std::string> known_;
};

}  // namespace detail
GLSTM_END_NAMESPACE
