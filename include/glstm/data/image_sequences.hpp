// Labelled images read pixel by pixel: sequential MNIST and similar tasks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/dataset.hpp"
#include "glstm/data/idx.hpp"

GLSTM_BEGIN_NAMESPACE

/// Images as sequences: an image [rows,cols] or [rows,cols,channels] becomes T = rows*cols steps of
/// one feature or of one per channel, row by row, each value / 255; the target is the label of the
/// image. The pixels stay bytes in memory, and copies share them.
template <class Scalar>
class ImageSequences : public Dataset<Scalar> {
 public:
  /// `images` [N,rows,cols] or [N,rows,cols,channels] and their `labels` [N], each in
  /// 0 ... classes - 1. Throws Error, naming the sources, when a shape is wrong or empty, the
  /// counts differ or a label is out of range.
  ImageSequences(IdxArray images, IdxArray labels, Index classes = 10) : classes_(classes) {
    check(images, labels, classes);
    size_ = images.shape[0];
    rows_ = images.shape[1];
    cols_ = images.shape[2];
    channels_ = images.shape.size() == 4 ? images.shape[3] : 1;
    images_ = std::make_shared<const IdxArray>(std::move(images));
    labels_ = std::make_shared<const IdxArray>(std::move(labels));
  }

  /// Returns the same images, sharing the pixels, with another order of pixels: step n reads pixel
  /// order[n], counted row by row (permuted sequential MNIST). Throws Error unless `order` holds
  /// each of 0 ... steps() - 1 once.
  ImageSequences permuted(std::vector<Index> order) const {
    using detail::require;
    require(static_cast<Index>(order.size()) == steps(), images_->source, ": expected an order of ",
            steps(), " pixels, got ", order.size());
    std::vector<bool> seen(order.size(), false);
    for (std::size_t n = 0; n < order.size(); ++n) {
      const Index pixel = order[n];
      require(pixel >= 0 && pixel < steps(), images_->source, ": expected an order of pixels 0..",
              steps() - 1, ", got ", pixel, " at step ", n);
      require(!seen[static_cast<std::size_t>(pixel)], images_->source,
              ": expected every pixel once in an order, got ", pixel, " again at step ", n);
      seen[static_cast<std::size_t>(pixel)] = true;
    }
    ImageSequences result = *this;
    result.order_ = std::make_shared<const std::vector<Index>>(std::move(order));
    return result;
  }

  /// Returns (2 reach + 1)^2 times as many images, sharing the pixels: each image with every shift
  /// by up to `reach` rows and columns, where black moves in. With N images, sample i is image
  /// i % N; the first N samples are unshifted. Throws Error unless 0 <= reach < min(rows, cols).
  ImageSequences shifted(Index reach) const {
    detail::require(reach >= 0 && reach < std::min(rows_, cols_), images_->source,
                    ": expected a shift of 0..", std::min(rows_, cols_) - 1, " pixels, got ",
                    reach);
    ImageSequences result = *this;
    result.reach_ = reach;
    result.set_size();
    return result;
  }

  /// Returns twice as many images, sharing the pixels: these, then all of them with left and right
  /// exchanged. A mirrored image is shifted after it was mirrored.
  ImageSequences mirrored() const {
    ImageSequences result = *this;
    result.mirrored_ = true;
    result.set_size();
    return result;
  }

  Index size() const override { return size_; }
  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  Index steps() const { return rows_ * cols_; }
  /// The number of channels of a pixel.
  Index features() const { return channels_; }
  Index classes() const { return classes_; }

  /// Throws Error when a sample is not in 0 ... size() - 1.
  void load(std::span<const Index> samples, LabelledBatch<Scalar>& batch) const override {
    detail::require_samples(samples, size_, images_->source);
    const Index count = static_cast<Index>(samples.size());
    batch.resize(count, steps(), channels_);
    batch.targets.labels.resize(count, 1);

    const Index images = images_->shape[0];
    std::vector<Source> sources;
    sources.reserve(samples.size());
    for (Index sample : samples) {
      batch.targets.labels(static_cast<Index>(sources.size()), 0) =
          labels_->values[static_cast<std::size_t>(sample % images)];
      sources.push_back(source(sample % images, sample / images));
    }
    // This order writes the batch in the order of its memory; sample by sample, every value would
    // touch another cache line.
    Scalar* values = batch.input.values.data();
    for (Index n = 0; n < steps(); ++n) {
      const Index pixel = order_ ? (*order_)[static_cast<std::size_t>(n)] : n;
      const Index row = pixel / cols_, col = pixel % cols_;
      for (Index channel = 0; channel < channels_; ++channel, values += count) {
        const std::uint8_t* bytes = images_->values.data() + channel;
        for (std::size_t b = 0; b < sources.size(); ++b) {
          const Source& from = sources[b];
          const bool inside = row >= from.down && row < rows_ + from.down && col >= from.right &&
                              col < cols_ + from.right;  // always, where nothing is shifted
          const Index place = channels_ * (from.origin + row * cols_ + from.direction * col);
          values[b] = inside ? static_cast<Scalar>(bytes[place]) / Scalar(255) : Scalar(0);
        }
      }
    }
  }

 private:
  /// Where a sample's pixels come from: the one of a row and column is at
  /// origin + row * cols + direction * col, where it is inside the image.
  struct Source {
    Index origin, direction;  ///< direction -1: left and right are exchanged
    Index down, right;        ///< by how many rows and columns the image is shifted
  };

  Index shifts() const { return (2 * reach_ + 1) * (2 * reach_ + 1); }

  void set_size() { size_ = images_->shape[0] * shifts() * (mirrored_ ? 2 : 1); }

  /// Where an image is in its given variation; the first is none.
  Source source(Index image, Index variation) const {
    const Index side = 2 * reach_ + 1, centre = reach_ * side + reach_;
    const Index place = (variation % shifts() + centre) % shifts();
    const Index down = place / side - reach_, right = place % side - reach_;
    const Index first = image * steps() - down * cols_;  // of the shifted image's rows
    if (variation < shifts()) return {first - right, 1, down, right};
    return {first + cols_ - 1 + right, -1, down, right};
  }

  static void check(const IdxArray& images, const IdxArray& labels, Index classes) {
    using detail::require;
    require(classes >= 1, "expected at least 1 class, got ", classes);
    require((images.shape.size() == 3 || images.shape.size() == 4) &&
                detail::element_count(images.shape, images.source) > 0,
            images.source,
            ": expected images [N,rows,cols] or [N,rows,cols,channels], none of them 0, found ",
            "shape ", detail::shape_text(images.shape));
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
  std::shared_ptr<const std::vector<Index>> order_;  // of the pixels; null: row by row
  Index size_ = 0, rows_ = 0, cols_ = 0, channels_ = 0, classes_ = 0, reach_ = 0;
  bool mirrored_ = false;
};

GLSTM_END_NAMESPACE
