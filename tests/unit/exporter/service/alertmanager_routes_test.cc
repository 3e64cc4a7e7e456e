#include "exporter/alertmanager_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace exporter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kBase =
    "routes:\n"
    "    # slurmdbd_exporter: coordinator routes\n"
    "receivers:\n"
    "\t# slurmdbd_exporter: coordinator receivers\n"
    "# the end";

// In both clusters: root - science - physics - astro, and bio.chem, of which beta has no astro.
class AlertmanagerRoutesTest : public testing::Test {
 protected:
  AlertmanagerRoutesTest() {
    const std::vector<slurmdb::AssociationRow> beta = {
        {1, "root", "", "", "", 0, false},           {2, "science", "", "", "root", 0, false},
        {3, "physics", "", "", "science", 0, false}, {4, "physics", "carl", "", "", 0, false},
        {5, "bio.chem", "", "", "root", 0, false},   {6, "gone", "", "", "physics", 0, true}};
    std::vector<slurmdb::AssociationRow> alpha = beta;
    alpha.push_back({7, "Astro", "", "", "Physics", 0, false});
    alpha_ = slurmdb::AssociationTree(alpha);
    beta_ = slurmdb::AssociationTree(beta);
  }

  CoordinatorMail Mail() {
    slurmdb::AccountingView view;
    view.coordinators = &coordinators;
    view.clusters = {{"alpha", &alpha_}, {"beta", &beta_}};
    return CoordinatorsOf(
        view,
        [](const std::string& user) -> std::optional<std::string> {
          if (user == "nobody") return std::nullopt;
          if (user == "silent") return "";
          return user + "@example.org";
        },
        without);
  }
  std::string Filled() { return FillRoutes(kBase, Mail()); }

  std::vector<slurmdb::CoordinatorRow> coordinators;
  std::set<std::string> without;

 private:
  slurmdb::AssociationTree alpha_;
  slurmdb::AssociationTree beta_;
};

TEST_F(AlertmanagerRoutesTest, WithoutCoordinatorsTheBaseStays) { EXPECT_EQ(Filled(), kBase); }

TEST_F(AlertmanagerRoutesTest, EachSetOfCoordinatorsIsARouteAndAReceiver) {
  coordinators = {{"physics", "alice"}, {"bio.chem", "bob"}, {"Bio.Chem", "alice"}};
  EXPECT_EQ(Filled(),
            "routes:\n"
            "    # slurmdbd_exporter: coordinator routes\n"
            "    - matchers: ['cluster=\"alpha\"', 'account=~\"Astro|physics\"']\n"
            "      receiver: 'coordinators alice'\n"
            "    - matchers: ['cluster=\"alpha\"', 'account=~\"bio\\\\.chem\"']\n"
            "      receiver: 'coordinators alice, bob'\n"
            "    - matchers: ['cluster=\"beta\"', 'account=~\"physics\"']\n"
            "      receiver: 'coordinators alice'\n"
            "    - matchers: ['cluster=\"beta\"', 'account=~\"bio\\\\.chem\"']\n"
            "      receiver: 'coordinators alice, bob'\n"
            "receivers:\n"
            "\t# slurmdbd_exporter: coordinator receivers\n"
            "\t- name: 'coordinators alice'\n"
            "\t  email_configs:\n"
            "\t    - to: 'alice@example.org'\n"
            "\t      send_resolved: true\n"
            "\t      headers: {Subject: '{{ template \"slurmdbd.quota.subject\" . }}'}\n"
            "\t      html: ''\n"
            "\t      text: '{{ template \"slurmdbd.quota.text\" . }}'\n"
            "\t- name: 'coordinators alice, bob'\n"
            "\t  email_configs:\n"
            "\t    - to: 'alice@example.org, bob@example.org'\n"
            "\t      send_resolved: true\n"
            "\t      headers: {Subject: '{{ template \"slurmdbd.quota.subject\" . }}'}\n"
            "\t      html: ''\n"
            "\t      text: '{{ template \"slurmdbd.quota.text\" . }}'\n"
            "# the end");
}

TEST_F(AlertmanagerRoutesTest, TheNearestAccountAboveThatHasSomebodyCounts) {
  coordinators = {{"science", "top"}, {"physics", "nobody"}, {"astro", "silent"}, {"root", "boss"}};
  const CoordinatorMail mail = Mail();
  EXPECT_THAT(mail.accounts.at("alpha").at({"top"}), ElementsAre("Astro", "physics", "science"));
  EXPECT_THAT(mail.accounts.at("alpha").at({"boss"}), ElementsAre("bio.chem", "root"));
  EXPECT_THAT(without, ElementsAre("nobody"));  // that somebody wants no mail is no mistake
}

TEST_F(AlertmanagerRoutesTest, NamesAreEscapedThreeTimes) {
  slurmdb::AccountingView view;
  coordinators = {{"o'r|\"x\\", "d'arcy"}};
  view.coordinators = &coordinators;
  const slurmdb::AssociationTree tree({{1, "o'r|\"x\\", "", "", "", 0, false}});
  view.clusters = {{"it's", &tree}};
  const CoordinatorMail mail = CoordinatorsOf(
      view, [](const std::string&) { return std::optional<std::string>("a@b"); }, without);
  const std::string text = FillRoutes(kBase, mail);
  EXPECT_THAT(text, HasSubstr("['cluster=\"it''s\"', 'account=~\"o''r\\\\|\\\"x\\\\\\\\\"']"));
  EXPECT_THAT(text, HasSubstr("- name: 'coordinators d''arcy'"));
}

TEST_F(AlertmanagerRoutesTest, MarkersAreWholeLinesAndThereOnce) {
  const auto error_of = [&](const std::string& base) -> std::string {
    try {
      FillRoutes(base, Mail());
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  const std::string routes = "# slurmdbd_exporter: coordinator routes\n";
  const std::string receivers = "# slurmdbd_exporter: coordinator receivers\n";
  EXPECT_THAT(error_of(routes + receivers), IsEmpty());
  EXPECT_THAT(error_of(receivers + routes), IsEmpty());
  EXPECT_THAT(error_of(routes), HasSubstr("receivers\" is missing"));
  EXPECT_THAT(error_of(""), HasSubstr("is missing"));
  EXPECT_THAT(error_of(routes + receivers + routes), HasSubstr("routes\" is there more than once"));
  EXPECT_THAT(error_of("x " + routes + receivers), HasSubstr("is missing"));
  EXPECT_THAT(error_of("# slurmdbd_exporter: coordinator routes of mine\n" + receivers),
              HasSubstr("is missing"));
}

TEST_F(AlertmanagerRoutesTest, AMarkerMayEndTheFile) {
  coordinators = {{"science", "top"}};
  const std::string text = FillRoutes(
      "# slurmdbd_exporter: coordinator receivers\n# slurmdbd_exporter: coordinator routes", Mail());
  EXPECT_THAT(text, HasSubstr("coordinator routes\n- matchers:"));
  EXPECT_TRUE(text.ends_with("receiver: 'coordinators top'\n"));
}

}  // namespace
}  // namespace exporter
