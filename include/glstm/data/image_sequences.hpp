// Labelled images read pixel by pixel: sequential MNIST and its kin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/batch.hpp"
#include "glstm/data/idx.hpp"

namespace glstm {

/// Images as sequences: an image [rows,cols] becomes T = rows*cols steps of one feature, row by
/// row, each pixel / 255; the target is the label of the image. The pixels stay bytes in memory,
/// and copies and subsets share them.
template <class Scalar>
class ImageSequences : public Dataset<Scalar> {
 public:
  static constexpr Index features = 1;

  /// `images` [N,rows,cols] and their `labels` [N], each in 0 ... classes - 1. Throws Error, naming
  /// the sources, when a shape is wrong or empty, the counts differ or a label is out of range.
  ImageSequences(IdxArray images, IdxArray labels, Index classes = 10) : classes_(classes) {
    check(images, labels, classes);
    size_ = images.shape[0];
    rows_ = images.shape[1];
    cols_ = images.shape[2];
    images_ = std::make_shared<const IdxArray>(std::move(images));
    labels_ = std::make_shared<const IdxArray>(std::move(labels));
  }

  /// Samples first ... first + count - 1 as a data set of their own, to hold out a part of the
  /// training data, say. Throws Error unless they exist and count >= 1.
  ImageSequences subset(Index first, Index count) const {
    detail::require(first >= 0 && count >= 1 && first <= size_ - count, images_->source,
                    ": expected a subset of samples 0..", size_ - 1, ", got ", count,
                    " samples from ", first);
    ImageSequences result = *this;
    result.first_ += first;
    result.size_ = count;
    return result;
  }

  Index size() const override { return size_; }
  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  Index steps() const { return rows_ * cols_; }
  Index classes() const { return classes_; }

  /// Throws Error when a sample is not in 0 ... size() - 1.
  void load(std::span<const Index> samples, LabelledBatch<Scalar>& batch) const override {
    for (Index sample : samples) {
      detail::require(sample >= 0 && sample < size_, images_->source, ": expected samples 0..",
                      size_ - 1, ", got ", sample);
    }
    const Index count = static_cast<Index>(samples.size());
    SequenceBatch<Scalar>& input = batch.input;
    input.features = features;
    input.values.resize(count, steps());
    input.timing.batch = count;
    input.timing.steps = steps();
    input.timing.timestamps.resize(0, 0);
    input.timing.lengths.clear();
    batch.targets.values.resize(0, 0);
    batch.targets.labels.resize(samples.size());

    const std::uint8_t* pixels = images_->values.data() + first_ * steps();
    const std::uint8_t* labels = labels_->values.data() + first_;
    for (std::size_t b = 0; b < samples.size(); ++b) batch.targets.labels[b] = labels[samples[b]];
    // Step by step, so that the batch is written in the order of its memory; the other way round
    // would be strided writes of whole cache lines.
    for (Index n = 0; n < steps(); ++n) {
      Scalar* values = input.values.data() + n * count;
      for (std::size_t b = 0; b < samples.size(); ++b) {
        values[b] = static_cast<Scalar>(pixels[samples[b] * steps() + n]) / Scalar(255);
      }
    }
  }

 private:
  static void check(const IdxArray& images, const IdxArray& labels, Index classes) {
    using detail::require;
    require(classes >= 1, "expected at least 1 class, got ", classes);
    require(images.shape.size() == 3 && detail::element_count(images.shape, images.source) > 0,
            images.source, ": expected images [N,rows,cols], none of them 0, found shape ",
            detail::shape_text(images.shape));
    require(labels.shape.size() == 1, labels.source, ": expected labels [N], found shape ",
            detail::shape_text(labels.shape));
    require(images.shape[0] == labels.shape[0], "expected one label per image, found ",
            images.shape[0], " images in ", images.source, " and ", labels.shape[0], " labels in ",
            labels.source);
    for (const IdxArray* array : {&images, &labels}) {
      require(static_cast<Index>(array->values.size()) ==
                  detail::element_count(array->shape, array->source),
              array->source, ": expected the values of shape ", detail::shape_text(array->shape),
              ", found ", array->values.size(), " values");
    }
    for (std::size_t i = 0; i < labels.values.size(); ++i) {
      require(labels.values[i] < classes, labels.source, ": expected labels 0..", classes - 1,
              ", found ", int{labels.values[i]}, " at position ", i);
    }
  }

  std::shared_ptr<const IdxArray> images_, labels_;
  Index first_ = 0, size_ = 0, rows_ = 0, cols_ = 0, classes_ = 0;
};

}  // namespace glstm
