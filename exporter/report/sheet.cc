#include "exporter/report/sheet.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace exporter::report {

struct Sheet::Digest {
  Digest() : context(EVP_MD_CTX_new()) {
    if (context == nullptr || EVP_DigestInit_ex(context, EVP_sha256(), nullptr) != 1)
      throw std::runtime_error("SHA-256 is not available");
  }
  ~Digest() { EVP_MD_CTX_free(context); }
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  EVP_MD_CTX* context;
};

Sheet::Sheet(Writer& writer) : writer_(writer), digest_(std::make_unique<Digest>()) {}

Sheet::~Sheet() = default;

void Sheet::Begin(const Head& head) {
  const auto& columns = head.columns;
  if (std::any_of(columns.begin(), columns.end(),
                  [](const Column& column) { return column.kind != ColumnKind::kText; }))
    sums_.emplace(columns);
  writer_.Begin(head);
}

void Sheet::Add(const Line& line) {
  const std::string text = CompactJson(line) + "\n";
  EVP_DigestUpdate(digest_->context, text.data(), text.size());
  ++lines_;
  if (sums_) sums_->Add(line);
  writer_.Add(line);
}

void Sheet::SetTotals(std::optional<Line> totals) {
  totals_ = std::move(totals);
  totals_set_ = true;
}

void Sheet::End(nlohmann::ordered_json provenance) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  EVP_DigestFinal_ex(digest_->context, bytes.data(), &size);
  for (unsigned i = 0; i < size; ++i) sha256_ += fmt::format("{:02x}", bytes[i]);
  provenance["lines"] = lines_;
  provenance["lines_sha256"] = sha256_;
  if (!totals_set_ && sums_) totals_ = sums_->line();
  writer_.End(totals_, provenance);
}

}  // namespace exporter::report
