// Descriptions of data as JSON, which network files contain.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "glstm/core/data_description.hpp"
#include "glstm/core/error.hpp"
#include "glstm/io/source_file.hpp"
#include "glstm/io/strict_json.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// The key of a description in the metadata of a file.
inline constexpr const char* data_key = "glstm.data";

inline constexpr Names<ClockKind, 3> clock_names = {
    {{"shared", ClockKind::shared}, {"own", ClockKind::own}, {"relative", ClockKind::relative}}};

inline Json json_of(const std::vector<Scaling>& scalings) {
  Json list = Json::array();
  for (const Scaling& s : scalings) list.push_back({s.offset, s.scale});
  return list;
}

/// Returns the description as a JSON object. Throws Error unless names are UTF-8.
inline std::string to_json_text(const DataDescription& data) {
  Json json = {{"features", data.feature_names},
               {"feature_scaling", json_of(data.feature_scaling)},
               {"classes", data.class_names},
               {"targets", data.target_names},
               {"target_scaling", json_of(data.target_scaling)},
               {"clock", name_of(clock_names, data.clock)},
               {"time", {data.first_time, data.last_time}},
               {"frame", data.frame}};
  if (data.timestamps) json["timestamps"] = *data.timestamps;
  if (data.sample_rate > 0) json["sample_rate"] = data.sample_rate;
  try {
    return json.dump();
  } catch (const Json::exception&) {
    throw Error("expected names of features, classes and targets in UTF-8, got other bytes");
  }
}

inline std::vector<std::string> read_names(JsonMembers& members, const std::string& key,
                                           const std::string& where) {
  std::vector<std::string> names;
  for (const Json& name : members.list(key)) {
    require(name.is_string(), where, ": expected \"", key, "\" to be texts, got ", name);
    names.push_back(name.get<std::string>());
  }
  return names;
}

/// Returns the two numbers in a list.
inline std::pair<double, double> read_pair(const Json& list, const std::string& key,
                                           const std::string& where) {
  require(list.is_array() && list.size() == 2 && list[0].is_number() && list[1].is_number(), where,
          ": expected \"", key, "\" to be pairs of numbers, got ", list);
  return {list[0].get<double>(), list[1].get<double>()};
}

inline std::vector<Scaling> read_scalings(JsonMembers& members, const std::string& key,
                                          const std::string& where) {
  std::vector<Scaling> scalings;
  for (const Json& entry : members.list(key)) {
    const auto [offset, scale] = read_pair(entry, key, where);
    scalings.push_back({offset, scale});
  }
  return scalings;
}

/// Reads what to_json_text has written. Throws Error, which begins with `where`, unless it is the
/// description of data for a network of these sizes.
inline DataDescription parse_data_description(const std::string& text, Index inputs, Index outputs,
                                              const std::string& where) {
  const Json json = parse_json_object(text, 4, "a description of data", where);
  JsonMembers members(json, where);
  DataDescription data;
  data.feature_names = read_names(members, "features", where);
  data.feature_scaling = read_scalings(members, "feature_scaling", where);
  data.class_names = read_names(members, "classes", where);
  data.target_names = read_names(members, "targets", where);
  data.target_scaling = read_scalings(members, "target_scaling", where);
  data.clock = members.choice("clock", clock_names);
  const auto [first, last] = read_pair(members.at("time"), "time", where);
  data.first_time = first;
  data.last_time = last;
  data.frame = members.size("frame");
  if (json.contains("timestamps")) data.timestamps = members.truth("timestamps");
  if (json.contains("sample_rate")) data.sample_rate = members.number("sample_rate");
  members.require_no_other();
  naming_source(where, [&] { data.check(inputs, outputs); });
  return data;
}

}  // namespace detail
GLSTM_END_NAMESPACE
