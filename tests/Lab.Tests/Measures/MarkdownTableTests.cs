using Softswitch.Lab.Measures;

namespace Softswitch.Lab.Tests.Measures;

public sealed class MarkdownTableTests
{
    [Fact]
    public void Columns_line_up_and_numbers_stand_to_the_right()
    {
        var table = new MarkdownTable("row", "Mpps", "ratio");
        table.Add("64 exact", "38.77", "2.93");
        table.Add("1,000,000 exact", "9.10", "–");
        Assert.Equal("""
            | row             |  Mpps | ratio |
            | --------------- | ----: | ----: |
            | 64 exact        | 38.77 |  2.93 |
            | 1,000,000 exact |  9.10 |     – |
            """, table.ToString());
    }
}
