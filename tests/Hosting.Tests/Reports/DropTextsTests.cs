using Softswitch.Datapath.Packets;
using Softswitch.Hosting.Reports;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.Reports;

/// <summary>Reasons for drops in words for people.</summary>
public sealed class DropTextsTests
{
    private static IEnumerable<DropReason> Reasons => Enum.GetValues<DropReason>().Where(reason => reason != DropReason.Count);

    [Fact]
    public void Every_reason_has_words_and_advice_of_its_own()
    {
        DropText[] texts = [.. Reasons.Select(DropTexts.Of)];
        Assert.All(texts, text => Assert.True(text.Words.Length > 10 && text.Advice.Length > 10));
        Assert.Equal(texts.Length, texts.Select(text => text.Words).Distinct().Count());
    }

    [Fact]
    public void A_report_is_read_by_the_names_it_writes() =>
        Assert.All(Reasons, reason => Assert.Equal(DropTexts.Of(reason), DropTexts.Of(ReportJson.NameOf(reason))));

    [Fact]
    public void Every_reason_is_in_the_page_about_drops_in_the_same_words()
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "drops.md"));
        Assert.All(Reasons, reason => Assert.Contains($"| `{ReportJson.NameOf(reason)}` | {DropTexts.Of(reason).Words} |", page, StringComparison.Ordinal));
    }
}
