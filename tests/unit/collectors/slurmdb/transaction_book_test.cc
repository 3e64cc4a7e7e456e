#include "collectors/slurmdb/transaction_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "fake_transactions.h"

namespace slurmdb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::int64_t kEpoch = 1'700'000'000;

class TransactionBookTest : public testing::Test {
 protected:
  static LedgerOptions Options() {
    LedgerOptions options;
    options.epoch = kEpoch;
    return options;
  }
  // A poll so many seconds after the epoch.
  void Poll(std::int64_t at) { book_.Update(table_, table_.newest(), {kEpoch + at, kEpoch + at - 60, true}); }
  std::uint64_t Total() const {
    std::uint64_t sum = 0;
    for (const auto& [key, count] : book_.counts()) sum += count;
    return sum;
  }

  FakeTransactions table_;
  TransactionBook book_{Options(), [](std::string_view name) { return name != "beta"; }, 3};
};

TEST_F(TransactionBookTest, CountsByClusterActionAndActorSinceTheEpoch) {
  table_.rows = {{1, {kEpoch - 1}},
                 {2, {kEpoch}},
                 {3, {kEpoch + 5, 1451, "ada"}},
                 {4, {kEpoch + 6, 1451, "ada"}},
                 {5, {kEpoch + 6, 1404, "ada", "alpha"}},
                 {6, {kEpoch + 6, 1404, "ada", "beta"}}};
  Poll(100);
  using Key = TransactionBook::Key;
  EXPECT_THAT(book_.counts(), ElementsAre(Pair(Key{"", 1406, "root"}, 1), Pair(Key{"", 1451, "ada"}, 2),
                                          Pair(Key{"alpha", 1404, "ada"}, 1)));
}

TEST_F(TransactionBookTest, CountsEachOnceThoughReadAgain) {
  for (std::uint64_t id = 1; id <= 20; ++id) table_.rows[id] = {kEpoch + static_cast<std::int64_t>(id)};
  for (std::int64_t at = 100; at < 3000; at += 60) Poll(at);
  EXPECT_EQ(Total(), 20);
}

TEST_F(TransactionBookTest, CountsWhatBecomesVisibleOutOfOrder) {
  table_.rows = {{10, {kEpoch + 10}}, {12, {kEpoch + 30}}};
  Poll(100);
  table_.rows[20] = {kEpoch + 150};
  Poll(220);
  EXPECT_EQ(Total(), 3);
  table_.rows[11] = {kEpoch + 20};  // the operator has answered at last
  table_.rows[15] = {kEpoch + 120};
  Poll(300);
  EXPECT_EQ(Total(), 5);
  Poll(360);
  EXPECT_EQ(Total(), 5);
}

TEST_F(TransactionBookTest, CountsWhatWasHeldForHoursAtTheNextRecount) {
  table_.rows = {{10, {kEpoch + 10}}, {12, {kEpoch + 30}}};
  for (std::int64_t at = 100; at < 8000; at += 1000) Poll(at);
  table_.rows[11] = {kEpoch + 20};
  Poll(8100);
  EXPECT_EQ(Total(), 2);
  Poll(100 + 86400);
  EXPECT_EQ(Total(), 3);
}

TEST_F(TransactionBookTest, WaitsForWhatLiesAfterAsOf) {
  table_.rows = {{1, {kEpoch + 10}}, {2, {kEpoch + 5000}}, {3, {kEpoch + 20}}};  // a daemon with a fast clock
  Poll(100);
  EXPECT_EQ(Total(), 2);
  for (std::int64_t at = 1000; at <= 5000; at += 1000) {
    table_.rows[static_cast<std::uint64_t>(at)] = {kEpoch + at};
    Poll(at);
  }
  EXPECT_EQ(Total(), 6);  // 2 and four of the five: the last lies after as_of
  Poll(5100);
  EXPECT_EQ(Total(), 8);
}

TEST_F(TransactionBookTest, LeavesToTheNextPeriodWhatBeginsInIt) {
  LedgerOptions options = Options();
  options.until = kEpoch + 50;
  TransactionBook book(options);
  table_.rows = {{1, {kEpoch + 10}}, {2, {kEpoch + 49}}, {3, {kEpoch + 50}}};
  book.Update(table_, table_.newest(), {kEpoch + 200, kEpoch + 140, true});
  EXPECT_THAT(book.counts(), ElementsAre(Pair(TransactionBook::Key{"", 1406, "root"}, 2)));
}

TEST_F(TransactionBookTest, KeepsWhatIsPurged) {
  table_.rows = {{1, {kEpoch + 10}}, {2, {kEpoch + 20}}, {3, {kEpoch + 30}}};
  Poll(100);
  table_.rows.erase(1);
  table_.rows.erase(2);
  Poll(160);
  Poll(160 + 86400);
  EXPECT_EQ(Total(), 3);
}

TEST_F(TransactionBookTest, TellsAnIdThatIsGivenOutAgain) {
  table_.rows = {{1, {kEpoch + 10}}, {2, {kEpoch + 20}}};
  for (std::int64_t at = 100; at < 4000; at += 1000) Poll(at);
  table_.rows = {{1, {kEpoch + 3900}}};  // emptied; the server began to number anew
  Poll(4100);
  EXPECT_EQ(Total(), 3);
}

TEST_F(TransactionBookTest, CountsNothingTwiceWhenAServerIsBehind) {
  for (std::uint64_t id = 1; id <= 9; ++id) table_.rows[id] = {kEpoch + static_cast<std::int64_t>(id)};
  Poll(100);
  const auto all = table_.rows;
  table_.rows.erase(table_.rows.find(6), table_.rows.end());
  Poll(160);
  table_.rows = all;
  Poll(220);
  EXPECT_EQ(Total(), 9);
}

TEST_F(TransactionBookTest, ReadsLittleOnceItHasCounted) {
  for (std::uint64_t id = 1; id <= 1000; ++id) table_.rows[id] = {kEpoch + static_cast<std::int64_t>(id)};
  Poll(10'000);
  EXPECT_GE(table_.read, 1000);
  table_.read = 0;
  Poll(10'060);
  table_.rows[1001] = {kEpoch + 10'030};
  Poll(10'120);
  EXPECT_LE(table_.read, 2);
  EXPECT_EQ(Total(), 1001);
}

TEST_F(TransactionBookTest, DoesNotReadBackBeforeTheEpoch) {
  for (std::uint64_t id = 1; id <= 1000; ++id)
    table_.rows[id] = {kEpoch - 10'000'000 + static_cast<std::int64_t>(id)};
  table_.rows[1001] = {kEpoch + 1};
  Poll(100);
  EXPECT_LE(table_.read, 6);
  EXPECT_EQ(Total(), 1);
}

TEST_F(TransactionBookTest, StandsWhenAReadingFails) {
  table_.rows = {{1, {kEpoch + 10}}};
  Poll(100);
  table_.rows[2] = {kEpoch + 110};
  table_.fails = true;
  EXPECT_THROW(Poll(200), std::runtime_error);
  EXPECT_EQ(Total(), 1);
  EXPECT_EQ(book_.moment().now, kEpoch + 100);
  table_.fails = false;
  Poll(260);
  EXPECT_EQ(Total(), 2);
}

TEST_F(TransactionBookTest, AnEmptyTable) {
  Poll(100);
  Poll(160);
  EXPECT_THAT(book_.counts(), IsEmpty());
}

TEST(ActionNameTest, NamesWhatIsKnownAndNumbersTheRest) {
  EXPECT_EQ(ActionName(1402), "add_accounts");
  EXPECT_EQ(ActionName(1501), "add_accounts");
  EXPECT_EQ(ActionName(1451), "modify_qos");
  EXPECT_EQ(ActionName(1499), "action_1499");
}

}  // namespace
}  // namespace slurmdb
