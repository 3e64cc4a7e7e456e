// The alternative: prometheus-cpp's own web server, which asks for the families and serialises them in each
// scrape.
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <memory>
#include <vector>

#include "tests/bench/families.h"
#include "tests/bench/serving.h"

namespace {

class Families : public prometheus::Collectable {
 public:
  explicit Families(std::size_t series) : families_(bench::MakeFamilies(series)) {}
  std::vector<prometheus::MetricFamily> Collect() const override { return families_; }

 private:
  const std::vector<prometheus::MetricFamily> families_;
};

}  // namespace

int main(int argc, char** argv) {
  const auto families = std::make_shared<Families>(bench::SeriesOf(argc, argv));
  prometheus::Exposer exposer("127.0.0.1:0");
  exposer.RegisterCollectable(families);
  bench::ServeUntilStdinEnds(exposer.GetListeningPorts().front());
  return 0;
}
