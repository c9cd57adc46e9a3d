#include "glstm/io/safetensors.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "glstm/core/random.hpp"
#include "temporary_folder.hpp"

namespace safetensors_test {

namespace fs = std::filesystem;
using glstm::format_safetensors;
using glstm::Index;
using glstm::load_safetensors;
using glstm::parse_safetensors;
using glstm::Safetensors;
using glstm::save_safetensors;
using glstm::Tensor;

namespace {

/// A file with this header, its true length and this many bytes of data.
std::string file_with(const std::string& header, std::size_t data_size) {
  const std::uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + std::string(data_size, '\1');
}

std::string error_for(const std::string& bytes) {
  return error_of([&] { parse_safetensors(bytes, "some/file"); });
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

void check_same(const Safetensors& actual, const Safetensors& expected) {
  CHECK(actual.metadata == expected.metadata);
  REQUIRE(actual.tensors.size() == expected.tensors.size());
  for (const auto& [name, tensor] : expected.tensors) {
    CAPTURE(name);
    const Tensor& other = actual.find(name);
    CHECK(other.shape == tensor.shape);
    CHECK(other.dtype() == tensor.dtype());
    CHECK(std::visit(
        [&]<class T>(const std::vector<T>& values) {
          return same_bits(std::get<std::vector<T>>(other.values), values);
        },
        tensor.values));
  }
}

/// Every data type, and every value, shape and name that might suffer on the way.
Safetensors awkward_file() {
  const std::vector<double> doubles = {
      0.1,
      -0.0,
      std::numeric_limits<double>::infinity(),
      std::numeric_limits<double>::denorm_min(),
      std::bit_cast<double>(std::uint64_t{0x7ff0000000000001}),  // a signalling NaN
      std::bit_cast<double>(std::uint64_t{0xfff8dead0000beef})};
  const std::vector<float> floats = {0.1f, -0.0f, std::bit_cast<float>(std::uint32_t{0x7f800001}),
                                     std::bit_cast<float>(std::uint32_t{0xffc0beef})};
  const std::vector<std::int64_t> integers = {std::numeric_limits<std::int64_t>::min(), -1,
                                              std::numeric_limits<std::int64_t>::max()};
  Safetensors file;
  file.metadata = {{"", ""}, {"text", "\"quoted\"\n\\ \u00e9 \u0001"}};
  const std::vector<Eigen::half> halves = {Eigen::half(0.1f), Eigen::half(-0.0f),
                                           std::bit_cast<Eigen::half>(std::uint16_t{0x7c01})};
  const std::vector<Eigen::bfloat16> brains = {Eigen::bfloat16(0.1f), Eigen::bfloat16(-0.0f),
                                               std::bit_cast<Eigen::bfloat16>(std::uint16_t{1})};
  file.tensors = {{"a", {{3}, std::vector<std::uint8_t>{0, 128, 255}}},
                  {"b", {{3}, std::vector<std::int8_t>{-128, 0, 127}}},
                  {"brains", {{3}, brains}},
                  {"halves", {{3, 1}, halves}},
                  {"doubles", {{2, 3}, doubles}},
                  {"floats", {{1, 4, 1}, floats}},
                  {"integers", {{3}, integers}},
                  {"scalar", {{}, std::vector<float>{7}}},
                  {"nothing", {{0}, std::vector<double>{}}},
                  {"nothing at all", {{3, 0, 2}, std::vector<std::uint8_t>{}}},
                  {"", {{1}, std::vector<float>{1}}},
                  {"\"\u03bc\"\n", {{1}, std::vector<double>{2}}}};
  return file;
}

}  // namespace

TEST_CASE("a safetensors file comes back bit for bit") {
  const Safetensors file = awkward_file();
  check_same(parse_safetensors(format_safetensors(file), "bytes"), file);
  check_same(parse_safetensors(format_safetensors({}), "bytes"), {});

  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  save_safetensors(path, file);
  check_same(load_safetensors(path), file);
  save_safetensors(path, {});
  check_same(load_safetensors(path), {});
}

TEST_CASE("a safetensors file has the bytes that the format asks for") {
  Safetensors file;
  file.metadata = {{"z", "1"}, {"y", "2"}};
  file.tensors = {{"b", {{2}, std::vector<std::uint8_t>{7, 8}}},
                  {"d", {{1, 1}, std::vector<double>{1.5}}},
                  {"c", {{}, std::vector<std::int64_t>{-2}}}};
  const std::string header = R"({"__metadata__":{"y":"2","z":"1"},)"
                             R"("b":{"data_offsets":[16,18],"dtype":"U8","shape":[2]},)"
                             R"("c":{"data_offsets":[8,16],"dtype":"I64","shape":[]},)"
                             R"("d":{"data_offsets":[0,8],"dtype":"F64","shape":[1,1]}})";
  REQUIRE(header.size() == 196);
  const std::string_view data("\0\0\0\0\0\0\xf8\x3f\xfe\xff\xff\xff\xff\xff\xff\xff\7\10", 18);
  const std::string expected =
      std::string("\xc8\0\0\0\0\0\0\0", 8) + header + std::string(4, ' ') + std::string(data);
  CHECK(format_safetensors(file) == expected);
  CHECK(format_safetensors(parse_safetensors(expected, "bytes")) == expected);
}

TEST_CASE("every tensor of a written file is aligned") {
  const std::string bytes = format_safetensors(awkward_file());
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  CHECK(length % 8 == 0);
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  const std::map<std::string, std::size_t> widths = {
      {"F64", 8}, {"I64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I8", 1}, {"U8", 1}};
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    CAPTURE(name);
    CHECK(entry["data_offsets"][0].get<std::size_t>() % widths.at(entry["dtype"]) == 0);
  }
}

TEST_CASE("Tensor::as converts what keeps its meaning") {
  const Tensor doubles{{2}, std::vector<double>{0.1, -2}};
  const Tensor floats{{1}, std::vector<float>{0.1f}};
  const Tensor integers{{3}, std::vector<std::int64_t>{-1, 255, 256}};
  const Tensor halves{
      {3}, std::vector<Eigen::half>{Eigen::half(0.1f), Eigen::half(-65504.f), Eigen::half(6e-8f)}};
  const Tensor brains{{2},
                      std::vector<Eigen::bfloat16>{Eigen::bfloat16(0.1f), Eigen::bfloat16(1e38f)}};
  const Tensor small{{2}, std::vector<std::int8_t>{-128, 127}};
  const Tensor bytes{{2}, std::vector<std::uint8_t>{0, 255}};

  CHECK(doubles.as<double>() == std::vector<double>{0.1, -2});
  CHECK(doubles.as<float>() == std::vector<float>{0.1f, -2});
  CHECK(floats.as<double>() == std::vector<double>{double{0.1f}});
  CHECK(integers.as<double>() == std::vector<double>{-1, 255, 256});
  CHECK(integers.as<Index>() == std::vector<Index>{-1, 255, 256});
  CHECK(integers.as<std::int16_t>() == std::vector<std::int16_t>{-1, 255, 256});
  CHECK(bytes.as<int>() == std::vector<int>{0, 255});
  CHECK(bytes.as<float>() == std::vector<float>{0, 255});
  CHECK(halves.as<double>() == std::vector<double>{0x1.998p-4, -65504, 0x1p-24});
  CHECK(halves.as<float>() == std::vector<float>{0x1.998p-4f, -65504, 0x1p-24f});
  CHECK(brains.as<float>() == std::vector<float>{0x1.9ap-4f, 0x1.2cp126f});
  CHECK(small.as<float>() == std::vector<float>{-128, 127});
  CHECK(small.as<int>() == std::vector<int>{-128, 127});

  check_mentions(error_of([&] { doubles.as<Index>(); }), {"expected a tensor of integers", "F64"});
  check_mentions(error_of([&] { floats.as<std::uint8_t>(); }), {"integers", "F32"});
  check_mentions(error_of([&] { halves.as<int>(); }), {"integers", "F16"});
  check_mentions(error_of([&] { brains.as<int>(); }), {"integers", "BF16"});
  check_mentions(error_of([&] { small.as<std::uint8_t>(); }), {"0..255", "got -128"});
  check_mentions(error_of([&] { integers.as<std::uint8_t>(); }), {"0..255", "got -1"});
  check_mentions(error_of([&] { bytes.as<std::int8_t>(); }), {"-128..127", "got 255"});
}

TEST_CASE("an absent tensor is an error that names it") {
  check_mentions(error_of([] { awkward_file().find("weights"); }), {"weights"});
}

TEST_CASE("the golden files can be read and agree with themselves") {
  int files = 0;
  for (const auto& file : fs::directory_iterator(fs::path(GLSTM_TEST_DATA) / "golden")) {
    if (file.path().extension() != ".safetensors") continue;
    ++files;
    CAPTURE(file.path().string());
    const Safetensors golden = load_safetensors(file.path());
    CHECK(golden.metadata.at("case") == file.path().stem().string());
    const auto number = [&](const char* key) { return std::stol(golden.metadata.at(key)); };
    const Index T = number("T"), B = number("B"), I = number("I"), H = number("H");
    CHECK(golden.find("x").shape == std::vector<Index>{T, B, I});
    CHECK(golden.find("w_ih").shape == std::vector<Index>{4 * H, I});
    CHECK(golden.find("h").shape == std::vector<Index>{T, B, H});
    CHECK(golden.find("lengths").dtype() == "I64");
    for (const Index length : golden.find("lengths").as<Index>())
      CHECK((length >= 1 && length <= T));

    // The loss that generate.py wrote, from the tensors that it wrote next to it.
    const auto dot = [&](const std::string& a, const std::string& b) {
      const std::vector<double> left = golden.find(a).as<double>(),
                                right = golden.find(b).as<double>();
      REQUIRE(left.size() == right.size());
      double sum = 0;
      for (std::size_t i = 0; i < left.size(); ++i) sum += left[i] * right[i];
      return sum;
    };
    const long layers = number("layers");
    const std::string last = layers == 1 ? "cT" : "cT.l" + std::to_string(layers - 1);
    const double loss =
        dot("dy", "h") + dot("dcT", last) +
        std::stod(golden.metadata.at("budget_weight")) * golden.find("budget").as<double>().at(0);
    CHECK(golden.find("loss").as<double>().at(0) == Approx(loss).epsilon(1e-12));

    check_same(parse_safetensors(format_safetensors(golden), "bytes"), golden);
  }
  CHECK(files >= 14);
}

TEST_CASE("a malformed safetensors file is an error that says what is wrong") {
  struct Case {
    std::string bytes;
    std::vector<std::string> mentions;
  };
  // One tensor "w" of the format's right form, but for its shape and offsets.
  const auto one = [](const std::string& shape, const std::string& offsets, std::size_t data_size) {
    return file_with(
        R"({"w":{"dtype":"F64","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}",
        data_size);
  };
  const auto two = [](const std::string& offsets_a, const std::string& offsets_b,
                      std::size_t data_size) {
    return file_with(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + offsets_a +
                         R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + offsets_b + "}}",
                     data_size);
  };
  const auto dtype = [](const std::string& name) {
    return file_with(R"({"w":{"dtype":)" + name + R"(,"shape":[1],"data_offsets":[0,2]}})", 2);
  };
  const std::string w = "tensor \"w\"", object = "dtype, shape and data_offsets";
  constexpr Index largest_index = std::numeric_limits<Index>::max();  // 2^63 - 1, or 2^31 - 1
  const std::string largest = std::to_string(largest_index);
  const std::string root = std::to_string(sizeof(Index) == 8 ? 1LL << 32 : 1LL << 16);

  const std::vector<Case> cases = {
      // the header's length
      {"", {"at least 8 bytes", "got 0"}},
      {std::string(7, '\0'), {"at least 8 bytes", "got 7"}},
      {std::string("\x11\0\0\0\0\0\0\0{}", 10), {"a header of 17 bytes", "got 2"}},
      {std::string("\x01\xe1\xf5\x05\0\0\0\0{}", 10), {"at most 100000000", "got 100000001"}},
      {std::string(8, '\xff') + "{}", {"at most 100000000", "got 18446744073709551615"}},
      // its text
      {file_with("", 0), {"JSON object"}},
      {file_with("[]", 0), {"JSON object"}},
      {file_with("3", 0), {"JSON object"}},
      {file_with(" {}", 0), {"JSON object"}},
      {file_with("\xef\xbb\xbf{}", 0), {"JSON object"}},
      {file_with("{", 0), {"valid JSON"}},
      {file_with("{}}", 0), {"valid JSON"}},
      {file_with("{}{}", 0), {"valid JSON"}},
      {file_with("{'a':1}", 0), {"valid JSON"}},
      {file_with("{\"a\":1e999}", 0), {"valid JSON"}},
      {file_with("{\"\xff\":1}", 0), {"valid JSON"}},
      {file_with(std::string("{}\0 ", 4), 0), {"valid JSON", "NUL byte at 2"}},
      {file_with("{}/**/", 0), {"valid JSON"}},
      // nesting
      {file_with(R"({"w":{"shape":[[1]]}})", 0), {"at most 3 levels", "\"w\""}},
      {file_with(R"({"w":)" + std::string(1'000'000, '['), 0), {"at most 3 levels", "\"w\""}},
      {file_with(R"({"w":)" +
                     [] {
                       std::string objects;
                       for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
                       return objects;
                     }(),
                 0),
       {"at most 3 levels", "\"w\""}},
      // repeated keys
      {file_with(R"({"w":{"dtype":"F64","shape":[0],"data_offsets":[0,0]},)"
                 R"("w":{"dtype":"F64","shape":[0],"data_offsets":[0,0]}})",
                 0),
       {"unique", "\"w\" twice"}},
      {file_with(R"({"w":{"dtype":"F64","shape":[0],"dt\u0079pe":"F32","data_offsets":[0,0]}})", 0),
       {"unique", "\"dtype\" twice", "at \"w\""}},
      {file_with(R"({"__metadata__":{"a":"1","a":"2"}})", 0), {"unique", "\"a\" twice"}},
      {file_with(R"({"__metadata__":{},"__metadata__":{}})", 0), {"unique", "__metadata__"}},
      // metadata
      {file_with(R"({"__metadata__":["a"]})", 0), {"__metadata__ to be an object", R"(["a"])"}},
      {file_with(R"({"__metadata__":null})", 0), {"__metadata__ to be an object", "null"}},
      {file_with(R"({"__metadata__":{"a":1}})", 0), {"__metadata__", "strings", R"("a": 1)"}},
      {file_with(R"({"__metadata__":{"a":{}}})", 0), {"__metadata__", "strings", R"("a": {})"}},
      // the entry of a tensor
      {file_with(R"({"w":1})", 0), {w, object, "got 1"}},
      {file_with(R"({"w":["dtype","shape","data_offsets"]})", 0), {w, object}},
      {file_with(R"({"w":{"dtype":"F64","shape":[0]}})", 0), {w, object}},
      {file_with(R"({"w":{"dtype":"F64","data_offsets":[0,0]}})", 0), {w, object}},
      {file_with(R"({"w":{"shape":[0],"data_offsets":[0,0]}})", 0), {w, object}},
      {file_with(R"({"w":{"dtype":"F64","shape":[0],"offsets":[0,0]}})", 0), {w, object}},
      {file_with(R"({"w":{"dtype":"F64","shape":[0],"data_offsets":[0,0],"strides":[1]}})", 0),
       {w, object, "strides"}},
      // data types
      {dtype(R"("F8_E4M3")"),
       {w, "F64, I64, F32, F16, BF16, I8 or U8", "\"F8_E4M3\"", "not supported"}},
      {dtype(R"("BOOL")"), {w, "\"BOOL\"", "not supported"}},
      {dtype(R"("f64")"), {w, "\"f64\"", "not supported"}},
      {dtype("64"), {w, "got 64", "not supported"}},
      {dtype("null"), {w, "got null", "not supported"}},
      // shapes
      {one("[-1]", "[0,8]", 8), {w, "shape of non-negative integers", "[-1]"}},
      {one("[1.0]", "[0,8]", 8), {w, "shape of non-negative integers", "[1.0]"}},
      {one("[\"1\"]", "[0,8]", 8), {w, "shape of non-negative integers"}},
      {one("[true]", "[0,8]", 8), {w, "shape of non-negative integers"}},
      {one("1", "[0,8]", 8), {w, "shape of non-negative integers", "got 1"}},
      {one("{}", "[0,8]", 8), {w, "shape of non-negative integers"}},
      {one("[9223372036854775808]", "[0,8]", 8), {w, "shape of non-negative integers"}},
      {one("[18446744073709551617]", "[0,8]", 8), {w, "shape of non-negative integers"}},
      {one("[" + largest + "]", "[0,8]", 8), {w, "memory can hold", "[" + largest + "]"}},
      // the product with the 8 bytes of a number is 2^64 + 8 (2^32 + 8), which wraps around to 8
      {one("[" + std::to_string(largest_index / 4 + 2) + "]", "[0,8]", 8), {w, "memory can hold"}},
      {one("[" + root + "," + root + "]", "[0,0]", 0), {w, "memory can hold"}},
      // what 32 bits would cut to a right file
      {one("[4294967297]", "[0,8]", 8), {w}},
      {one("[1]", "[0,4294967304]", 8), {w, "data_offsets"}},
      {one("[1]", "[4294967296,4294967304]", 8), {w, "data_offsets"}},
      {one("[2]", "[0,8]", 8), {w, "expected 16 bytes", "[2]", "got 8"}},
      {one("[]", "[0,16]", 16), {w, "expected 8 bytes", "[]", "got 16"}},
      {one("[0]", "[0,8]", 8), {w, "expected 0 bytes", "got 8"}},
      {one("[1]", "[0,9]", 9), {w, "expected 8 bytes", "got 9"}},
      {one("[3,10000000]", "[0,8]", 8), {w, "expected 240000000 bytes", "got 8"}},
      // offsets
      {one("[1]", "[-8,0]", 8), {w, "data_offsets of two", "[-8,0]"}},
      {one("[1]", "[0,8.0]", 8), {w, "data_offsets of two", "[0,8.0]"}},
      {one("[1]", "[0]", 8), {w, "data_offsets of two", "[0]"}},
      {one("[1]", "[0,4,8]", 8), {w, "data_offsets of two", "[0,4,8]"}},
      {one("[1]", "8", 8), {w, "data_offsets of two", "got 8"}},
      {one("[1]", "{}", 8), {w, "data_offsets of two"}},
      {one("[1]", "[8,0]", 8), {w, "ascending data_offsets in 0..8", "[8,0]"}},
      {one("[1]", "[0,8]", 7), {w, "data_offsets in 0..7", "[0,8]"}},
      {one("[0]", "[9,9]", 8), {w, "data_offsets in 0..8", "[9,9]"}},
      {one("[1]", "[0,18446744073709551615]", 8), {w, "data_offsets of two"}},
      // the data is covered once
      {two("[0,4]", "[0,4]", 4), {"tensor \"b\"", "at 4, got 0", "overlap"}},
      {two("[0,4]", "[3,7]", 7), {"tensor \"b\"", "at 4, got 3", "overlap"}},
      {two("[5,9]", "[0,4]", 9), {"tensor \"a\"", "at 4, got 5", "gap"}},
      {two("[1,5]", "[5,9]", 9), {"tensor \"a\"", "at 0, got 1", "gap"}},
      {two("[0,8]", "[4,4]", 8), {"tensor \"b\"", "at 8, got 4", "overlap"}},
      {two("[0,4]", "[4,8]", 9), {"expected 8 bytes of data", "got 9"}},
      {file_with("{}", 1), {"expected 0 bytes of data", "got 1"}},
  };
  for (const Case& malformed : cases) {
    CAPTURE(malformed.bytes.substr(0, 200));
    const std::string message = error_for(malformed.bytes);
    check_mentions(message, {"some/file: ", "expected"});
    for (const std::string& mention : malformed.mentions) check_mentions(message, {mention});
  }
}

TEST_CASE("unusual but legal safetensors files are read") {
  const std::string largest = std::to_string(std::numeric_limits<Index>::max());
  const auto parse = [](const std::string& header, std::size_t data_size) {
    return parse_safetensors(file_with(header, data_size), "some/file");
  };
  CHECK(parse("{}", 0).tensors.empty());
  CHECK(parse("{} \n\t ", 0).tensors.empty());
  CHECK(parse(R"({"__metadata__":{}})", 0).metadata.empty());
  // the data in another order than the names, empty tensors between them
  const Safetensors file = parse(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},)"
                                 R"("b":{"data_offsets":[0,1],"shape":[],"dtype":"U8"},)"
                                 R"("c":{"dtype":"F64","shape":[0,)" +
                                     largest + R"(],"data_offsets":[1,1]}})",
                                 3);
  CHECK(file.find("a").as<int>() == std::vector<int>{1, 1});
  CHECK(file.find("b").shape.empty());
  CHECK(file.find("c").as<double>().empty());
}

TEST_CASE("every truncation of a safetensors file is an error, and so is a surplus") {
  const std::string bytes = format_safetensors(awkward_file());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    check_mentions(error_for(bytes.substr(0, size)), {"some/file", "expected"});
  }
  check_mentions(error_for(bytes + '\0'), {"some/file", "bytes of data"});
}

TEST_CASE("a damaged header is read or refused, nothing else") {
  const std::string good = format_safetensors(awkward_file());
  std::uint64_t length = 0;
  std::memcpy(&length, good.data(), sizeof length);
  const std::uint64_t seed = 11;
  CAPTURE(seed);
  glstm::Rng rng(seed);
  int parsed = 0, refused = 0;
  for (int round = 0; round < 5'000; ++round) {
    std::string bytes = good;
    for (Index flips = 1 + rng.below(3); flips > 0; --flips) {
      const auto at = static_cast<std::size_t>(rng.below(static_cast<Index>(8 + length)));
      bytes[at] = static_cast<char>(rng.below(256));
    }
    try {
      for (const auto& [name, tensor] : parse_safetensors(bytes, "some/file").tensors) {
        tensor.as<double>();
      }
      ++parsed;
    } catch (const glstm::Error&) {
      ++refused;
    }
  }
  CHECK(parsed > 0);  // a letter of a name, say
  CHECK(refused > 0);
}

TEST_CASE("a file that cannot be read is an error that names it") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  const auto error = [&] { return error_of([&] { load_safetensors(path); }); };
  check_mentions(error(), {path.string(), "readable file", "No such file"});
  std::ofstream(path).close();
  check_mentions(error(), {path.string(), "at least 8 bytes", "got 0"});
  check_mentions(error_of([&] { load_safetensors(folder.path()); }),
                 {folder.path().string(), "readable file"});
}

TEST_CASE("a file in a file system is refused as its bytes are, without reading all of it") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  const std::string good = format_safetensors(awkward_file());
  for (std::size_t size = 0; size < good.size(); size += 13) {
    CAPTURE(size);
    std::ofstream(path, std::ios::binary)
        .write(good.data(), static_cast<std::streamsize>(size))
        .flush();
    check_mentions(error_of([&] { load_safetensors(path); }), {path.string(), "expected"});
  }
  // Sparse files are larger than the disk, and than memory.
  constexpr std::uintmax_t large = std::uintmax_t{1} << 42;
  std::ofstream(path, std::ios::binary) << good;
  std::error_code error;
  fs::resize_file(path, large, error);
  if (!error)
    check_mentions(error_of([&] { load_safetensors(path); }), {"bytes of data, got 43980"});
  std::ofstream(path, std::ios::binary) << file_with("{}", 0);
  fs::resize_file(path, large, error);
  if (!error)
    check_mentions(error_of([&] { load_safetensors(path); }), {"expected 0 bytes of data"});
  // 32 bits would cut the size to that of a right file.
  std::ofstream(path, std::ios::binary) << good;
  fs::resize_file(path, (std::uintmax_t{1} << 32) + good.size(), error);
  if (!error)
    check_mentions(error_of([&] { load_safetensors(path); }), {"bytes of data, got 4294"});
}

TEST_CASE("what the format cannot hold is not written") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  save_safetensors(path, awkward_file());
  const auto error_with = [&](const std::string& name, const Tensor& tensor) {
    Safetensors file = awkward_file();
    file.tensors[name] = tensor;
    const std::string message = error_of([&] { save_safetensors(path, file); });
    check_names_once(message, path.string());
    check_mentions(error_of([&] { format_safetensors(file); }), {"safetensors: "});
    return message;
  };
  SECTION("values do not fill the shape") {
    check_mentions(error_with("w", {{2, 2}, std::vector<float>(3)}),
                   {"tensor \"w\"", "expected 16 bytes", "[2,2]", "got 12"});
    check_mentions(error_with("w", {}), {"tensor \"w\"", "expected 8 bytes", "got 0"});
  }
  SECTION("shape") {
    check_mentions(error_with("w", {{-1, -1}, std::vector<float>(1)}),
                   {"tensor \"w\"", "non-negative", "[-1,-1]"});
    const Index large = std::numeric_limits<Index>::max();
    check_mentions(error_with("w", {{large, large}, std::vector<float>(1)}), {"memory can hold"});
  }
  SECTION("name") {
    check_mentions(error_with("__metadata__", {{1}, std::vector<float>(1)}), {"__metadata__"});
    check_mentions(error_with("\xff", {{1}, std::vector<float>(1)}), {"UTF-8"});
  }
  SECTION("metadata") {
    Safetensors file;
    file.metadata["key"] = "\xff";
    const std::string message = error_of([&] { save_safetensors(path, file); });
    check_names_once(message, path.string());
    check_mentions(message, {"UTF-8"});
  }
  check_same(load_safetensors(path), awkward_file());
}

}  // namespace safetensors_test
