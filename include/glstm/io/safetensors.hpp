// The safetensors file format: named tensors and text metadata. Read strictly, written atomically.
#pragma once

#include <algorithm>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/io/source_file.hpp"
#include "glstm/io/strict_json.hpp"

GLSTM_BEGIN_NAMESPACE

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian and glstm copies their numbers as they are, so "
              "it reads and writes them on little-endian processors only");

/// One tensor of a safetensors file: its shape, {} for a scalar, and its numbers in row-major
/// order. The type of the vector in `values` is its data type.
struct Tensor {
  /// In the order in which files store their tensors: the widest numbers first.
  using Values = std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<float>,
                              std::vector<Eigen::half>, std::vector<Eigen::bfloat16>,
                              std::vector<std::int8_t>, std::vector<std::uint8_t>>;
  std::vector<Index> shape;
  Values values;

  /// The format's name of the data type: F64, I64, F32, F16, BF16, I8 or U8.
  std::string_view dtype() const {
    // in the order of Tensor::Values
    constexpr std::string_view names[] = {"F64", "I64", "F32", "F16", "BF16", "I8", "U8"};
    return names[values.index()];
  }

  /// Returns the numbers as T, in row-major order. A floating-point T accepts every data type and
  /// rounds. An integer T throws Error if the tensor holds floating-point numbers, or an integer
  /// that T cannot hold.
  template <class T>
  std::vector<T> as() const;
};

/// The content of a safetensors file. No tensor may have the name "__metadata__".
struct Safetensors {
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;

  /// Returns the tensor `name`; throws Error if there is none.
  const Tensor& find(const std::string& name) const {
    const auto found = tensors.find(name);
    if (found == tensors.end()) {
      std::string names;
      Index listed = 0;
      for (const auto& [other, tensor] : tensors) {
        if (++listed > 20) break;
        names += (listed == 1 ? "" : ", ") + other;
      }
      detail::fail(detail::text_of("no tensor is called \"", name, "\"; there are ",
                                   tensors.empty() ? "none" : names, listed > 20 ? ", ..." : ""));
    }
    return found->second;
  }
};

/// Returns the content of a safetensors file, given all its bytes. Throws Error, which names
/// `source`, if the header is not a JSON object of the format's form or repeats a key, if data do
/// not fit their shape, overlap, or leave bytes that belong to no tensor, or if a data type is not
/// one of Tensor's.
Safetensors parse_safetensors(std::string_view bytes, const std::string& source);

/// Reads the file `path`, with the checks of parse_safetensors.
Safetensors load_safetensors(const std::filesystem::path& path);

/// Returns the bytes of a safetensors file; equal content gives equal bytes. Throws Error when a
/// tensor's values do not fill its shape or a text is not UTF-8.
std::string format_safetensors(const Safetensors& file);

/// Writes the file `path`, all or nothing. Throws Error, which names the file, as
/// format_safetensors and write_file_atomically do.
void save_safetensors(const std::filesystem::path& path, const Safetensors& file);

template <class T>
std::vector<T> Tensor::as() const {
  static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>,
                "Tensor::as<T>() gives numbers: T must be a floating-point or integer type");
  const auto convert = [this]<class Stored>(const std::vector<Stored>& stored) -> std::vector<T> {
    if constexpr (std::is_same_v<T, Stored>) {
      return stored;
    } else if constexpr (std::is_integral_v<T> && !std::is_integral_v<Stored>) {
      throw Error("expected a tensor of integers, got " + std::string(dtype()));
    } else {
      std::vector<T> converted;
      converted.reserve(stored.size());
      for (const Stored value : stored) {
        if constexpr (std::is_integral_v<T>) {
          detail::require(std::in_range<T>(value), "expected integers in ",
                          +std::numeric_limits<T>::min(), "..", +std::numeric_limits<T>::max(),
                          ", got ", +value);
        }
        converted.push_back(static_cast<T>(value));
      }
      return converted;
    }
  };
  return std::visit(convert, values);
}

namespace detail {

constexpr const char* metadata_key = "__metadata__";

inline void check_header_size(std::uint64_t size, const std::string& source) {
  constexpr std::uint64_t max = 100'000'000;  // the reference implementation's limit
  require(size <= max, source, ": expected a header of at most ", max, " bytes, got ", size);
}

/// Throws Error, which says how to convert it, if the first eight bytes are those of another file
/// of weights. No header is as long as these would make it.
inline void require_no_other_format(std::string_view begin, const std::string& source) {
  using namespace std::string_view_literals;
  const auto refuse = [&](const char* format, const char* conversion) {
    fail(text_of(source, ": expected a safetensors file, got ", format, ": convert it in Python, ",
                 conversion));
  };
  constexpr const char* of_pytorch =
      "safetensors.torch.save_file(torch.load(path, weights_only=True), \"model.safetensors\")";
  if (begin.starts_with("PK\x03\x04"sv)) {
    refuse("a zip archive, as torch.save writes a .pt and Keras a .keras",
           text_of(of_pytorch, ", or with the functions in docs/weights.md for Keras").c_str());
  }
  if (begin.starts_with("\x80"sv) && begin[7] != 0) {
    refuse("a pickle, as torch.save wrote before 1.6", of_pytorch);
  }
  if (begin.starts_with("\x89HDF"sv)) {
    refuse("an HDF5 file, as Keras writes", "with the functions in docs/weights.md");
  }
}

/// The position of a tensor's numbers in the data after the header.
struct DataRange {
  std::size_t begin = 0, end = 0;
  std::string name;
  auto operator<=>(const DataRange&) const = default;
};

inline std::string tensor_called(const std::string& name) { return "tensor \"" + name + "\""; }

inline std::string tensor_in(const std::string& source, const std::string& name) {
  return source + ": " + tensor_called(name);
}

/// Throws Error unless a shape with `item` bytes for each number takes `actual` bytes.
inline void check_tensor_bytes(const std::vector<Index>& shape, std::size_t item,
                               std::size_t actual, const std::string& where) {
  const Json text(shape);
  auto bytes = static_cast<Index>(item);
  for (const Index extent : shape) {
    require(extent >= 0, where, ": expected a shape of non-negative integers, got ", text);
    require(extent == 0 || bytes <= std::numeric_limits<Index>::max() / extent, where,
            ": expected a shape that memory can hold, got ", text);
    bytes *= extent;
  }
  require(actual == static_cast<std::size_t>(bytes), where, ": expected ", bytes,
          " bytes for the shape ", text, " of numbers of ", item, " bytes, got ", actual);
}

/// Returns the header as JSON: an object of objects of lists, without repeated keys.
inline Json parse_safetensors_header(std::string_view text, const std::string& source) {
  // Checked here because JSON may begin with white space, and nlohmann::json skips a byte order
  // mark.
  require(text.starts_with('{'), source,
          ": expected a header that is a JSON object, got one that does not begin with {");
  return parse_json_object(text, 3, "a header", source);
}

inline std::map<std::string, std::string> parse_metadata(const Json& entry,
                                                         const std::string& source) {
  require(entry.is_object(), source, ": expected __metadata__ to be an object, got ", entry);
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : entry.items()) {
    require(value.is_string(), source, ": expected __metadata__ to hold strings, got \"", key,
            "\": ", value);
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

/// Returns whether `list` is an array of non-negative integers in the range of Index.
inline bool is_list_of_counts(const Json& list) {
  constexpr auto max = static_cast<std::uint64_t>(std::numeric_limits<Index>::max());
  return list.is_array() && std::all_of(list.begin(), list.end(), [](const Json& item) {
           return item.is_number_unsigned() && item.get<std::uint64_t>() <= max;
         });
}

/// `data_size` is that of the file, which may be more than std::size_t holds.
inline DataRange parse_data_range(const std::string& name, const Json& entry,
                                  std::uintmax_t data_size, const std::string& where) {
  require(entry.is_object() && entry.size() == 3 && entry.contains("dtype") &&
              entry.contains("shape") && entry.contains("data_offsets"),
          where, ": expected an object of dtype, shape and data_offsets, got ", entry);
  const Json& offsets = entry["data_offsets"];
  require(is_list_of_counts(offsets) && offsets.size() == 2, where,
          ": expected data_offsets of two non-negative integers, got ", offsets);
  const DataRange range{offsets[0].get<std::size_t>(), offsets[1].get<std::size_t>(), name};
  require(range.begin <= range.end && range.end <= data_size, where,
          ": expected ascending data_offsets in 0..", data_size, ", got ", offsets);
  return range;
}

/// Throws Error unless every byte of the data belongs to exactly one tensor. Sorts the ranges.
inline void check_coverage(std::vector<DataRange>& ranges, std::uintmax_t data_size,
                           const std::string& source) {
  std::sort(ranges.begin(), ranges.end());
  std::size_t covered = 0;
  for (const DataRange& range : ranges) {
    require(range.begin == covered, tensor_in(source, range.name),
            ": expected its data to begin where the tensor before it ends, at ", covered, ", got ",
            range.begin, range.begin < covered ? ", an overlap" : ", a gap");
    covered = range.end;
  }
  require(covered == data_size, source, ": expected ", covered, " bytes of data, got ", data_size);
}

/// Gives `tensor` the data type `name`, and no numbers. Returns false if there is no such type.
template <std::size_t type = 0>
bool set_data_type(const Json& name, Tensor& tensor) {
  if constexpr (type < std::variant_size_v<Tensor::Values>) {
    tensor.values.emplace<type>();
    return name == tensor.dtype() || set_data_type<type + 1>(name, tensor);
  }
  return false;
}

/// Returns the tensor of a header's entry; read(bytes, size) reads its `size` bytes.
template <class Read>
Tensor parse_tensor(const Json& entry, std::size_t size, Read&& read, const std::string& where) {
  Tensor tensor;
  const Json& dtype = entry["dtype"];
  require(set_data_type(dtype, tensor), where,
          ": expected dtype F64, I64, F32, F16, BF16, I8 or U8, got ", dtype,
          ", which is not supported");
  const Json& shape = entry["shape"];
  require(is_list_of_counts(shape), where, ": expected a shape of non-negative integers, got ",
          shape);
  tensor.shape = shape.get<std::vector<Index>>();
  const auto fill = [&]<class T>(std::vector<T>& values) {
    check_tensor_bytes(tensor.shape, sizeof(T), size, where);
    try {
      values.resize(size / sizeof(T));
    } catch (const std::bad_alloc&) {  // a sparse file can be larger than its space on the disk
      throw Error(where + ": expected a tensor that memory can hold, got " + std::to_string(size) +
                  " bytes");
    }
    if (size > 0) read(reinterpret_cast<char*>(values.data()), size);
  };
  std::visit(fill, tensor.values);
  return tensor;
}

/// Returns the content of a file of `size` bytes; read(bytes, count) reads the next `count` of
/// them. Data are read only after the header has been found to fit them.
template <class Read>
Safetensors load_safetensors_from(std::uintmax_t size, Read&& read, const std::string& source) {
  std::uint64_t length = 0;
  require(size >= sizeof length, source, ": expected at least 8 bytes, got ", size);
  char first_bytes[sizeof length];
  read(first_bytes, sizeof first_bytes);
  std::memcpy(&length, first_bytes, sizeof length);
  require_no_other_format({first_bytes, sizeof first_bytes}, source);
  check_header_size(length, source);
  require(length <= size - sizeof length, source, ": expected a header of ", length, " bytes, got ",
          size - sizeof length);
  std::string text(static_cast<std::size_t>(length), '\0');
  read(text.data(), text.size());
  const Json header = parse_safetensors_header(text, source);
  const std::uintmax_t data_size = size - sizeof length - length;

  Safetensors file;
  std::vector<DataRange> ranges;
  for (const auto& [name, entry] : header.items()) {
    if (name == metadata_key) {
      file.metadata = parse_metadata(entry, source);
    } else {
      ranges.push_back(parse_data_range(name, entry, data_size, tensor_in(source, name)));
    }
  }
  // Checked before anything is copied: tensors with shared data could ask for any amount of memory.
  check_coverage(ranges, data_size, source);
  for (const auto& [begin, end, name] : ranges) {
    file.tensors.emplace(name,
                         parse_tensor(header[name], end - begin, read, tensor_in(source, name)));
  }
  return file;
}

/// Appends the numbers to `data` and the tensor's entry to `header`.
inline void append_tensor(const std::string& name, const Tensor& tensor, Json& header,
                          std::string& data, const std::string& where) {
  require(name != metadata_key, where, ": expected another name, the format reserves this one");
  const std::size_t begin = data.size();
  const auto append = [&]<class T>(const std::vector<T>& values) {
    const std::size_t size = values.size() * sizeof(T);
    check_tensor_bytes(tensor.shape, sizeof(T), size, where);
    data.append(reinterpret_cast<const char*>(values.data()), size);
  };
  std::visit(append, tensor.values);
  header[name] = {
      {"dtype", tensor.dtype()}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
}

/// Does what format_safetensors does; errors name `source`.
inline std::string format_safetensors_as(const Safetensors& file, const std::string& source) {
  Json header = Json::object();  // keeps its keys sorted
  if (!file.metadata.empty()) header[metadata_key] = file.metadata;
  std::string data;
  // Wider data types come first, so that every tensor is aligned: PyTorch maps files into memory.
  for (std::size_t type = 0; type < std::variant_size_v<Tensor::Values>; ++type) {
    for (const auto& [name, tensor] : file.tensors) {
      if (tensor.values.index() != type) continue;
      append_tensor(name, tensor, header, data, tensor_in(source, name));
    }
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception& error) {
    throw Error(source + ": expected names and metadata in UTF-8, got " + error.what());
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  check_header_size(text.size(), source);
  const std::uint64_t length = text.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + text + data;
}

}  // namespace detail

inline Safetensors parse_safetensors(std::string_view bytes, const std::string& source) {
  const std::size_t size = bytes.size();
  const auto read = [&](char* to, std::size_t count) {
    bytes.copy(to, count);
    bytes.remove_prefix(count);
  };
  return detail::load_safetensors_from(size, read, source);
}

inline Safetensors load_safetensors(const std::filesystem::path& path) {
  detail::SourceFile file(path);
  const auto read = [&](char* to, std::size_t count) { file.read(to, count); };
  return detail::load_safetensors_from(file.size(), read, file.name());
}

inline std::string format_safetensors(const Safetensors& file) {
  return detail::format_safetensors_as(file, "safetensors");
}

inline void save_safetensors(const std::filesystem::path& path, const Safetensors& file) {
  write_file_atomically(path, detail::format_safetensors_as(file, path.string()));
}

GLSTM_END_NAMESPACE
