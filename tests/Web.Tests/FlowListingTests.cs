using System.Text.Json;
using Softswitch.Datapath.Flows;
using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Web.Tests;

/// <summary>Pages of the flow table beside the whole table, sorted and searched as one would by hand.</summary>
public sealed class FlowListingTests : IDisposable
{
    private const int Count = 3000;

    private readonly SwitchHost _switch = SwitchHost.Start(new SwitchOptions { Datapath = new() { FrameCount = 1024 } });
    private readonly FlowListing _listing;

    public FlowListingTests()
    {
        var random = new Random(3);
        for (int i = 0; i < Count; i++)
        {
            FlowWildcards wildcards = FlowWildcards.All & ~(FlowWildcards.InPort | FlowWildcards.DlType | FlowWildcards.NwProto | FlowWildcards.TpDst);
            _switch.Apply(new FlowMod
            {
                Match = FlowMatch.Any with { Wildcards = wildcards, InPort = (ushort)(1 + (i % 4)), DlType = 0x800, NwProto = 6, TpDst = (ushort)i },
                Priority = (ushort)random.Next(1, 40),
                Cookie = (ulong)random.NextInt64(),
                Actions = [FlowAction.Output((ushort)(1 + (i % 7)))],
            });
        }
        _listing = new FlowListing(_switch.Control);
    }

    public void Dispose() => _switch.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Pages_together_are_the_table_in_order(bool isDescending)
    {
        List<FlowRow> all = [];
        while (all.Count < Count)
        {
            FlowPage page = Read(new FlowQuery([], FlowOrder.Priority, isDescending, all.Count, 400));
            Assert.Equal((Count, Count, true), (page.Total, page.Matched, page.IsComplete));
            Assert.NotEmpty(page.Flows);
            all.AddRange(page.Flows);
        }
        Assert.Equal(Count, all.DistinctBy(flow => flow.Match).Count());
        IEnumerable<int> priorities = _switch.ReadFlows().Select(flow => (int)flow.Priority);
        Assert.Equal(isDescending ? priorities.OrderDescending() : priorities.Order(), all.Select(flow => flow.Priority));
    }

    [Fact]
    public void Cookies_are_sorted_as_numbers_and_shown_whole()
    {
        FlowPage page = Read(new FlowQuery([], FlowOrder.Cookie, IsDescending: true, 0, 10));
        Assert.Equal(_switch.ReadFlows().Select(flow => flow.Cookie).OrderDescending().Take(10).Select(cookie => $"0x{cookie:x}"), page.Flows.Select(flow => flow.Cookie));
    }

    [Theory]
    [InlineData("tp_dst=17")]
    [InlineData("TCP", "in_port=3", "output:2")]
    [InlineData("priority=7,")]
    [InlineData("udp")]
    public void A_search_finds_what_has_all_words(params string[] words)
    {
        FlowPage page = Read(new FlowQuery(words, FlowOrder.Priority, IsDescending: true, 0, 500));
        FlowReport[] expected = [.. _switch.ReadFlows().Where(flow => words.All(word => flow.ToString().Contains(word, StringComparison.OrdinalIgnoreCase)))];
        Assert.Equal(expected.Length, page.Matched);
        Assert.Equal(
            expected.Select(flow => $"0x{flow.Cookie:x}").Order(), page.Matched <= 500 ? page.Flows.Select(flow => flow.Cookie).Order() : expected.Select(flow => $"0x{flow.Cookie:x}").Order());
    }

    [Fact]
    public void What_takes_too_long_ends_and_says_how_far_it_came()
    {
        FlowPage page = _listing.Read(new FlowQuery([], FlowOrder.Packets, true, 0, 5), TimeSpan.Zero, TestContext.Current.CancellationToken);
        Assert.False(page.IsComplete);
        Assert.Equal((Count, 0), (page.Total, page.Looked));
    }

    [Fact]
    public void Beyond_the_end_is_an_empty_page()
    {
        FlowPage page = Read(new FlowQuery([], FlowOrder.Packets, true, Count, 5));
        Assert.Empty(page.Flows);
        Assert.Equal(Count, page.Matched);
    }

    [Fact]
    public void An_entry_for_every_packet_and_one_that_drops_have_their_texts()
    {
        _switch.DeleteFlows();
        _switch.AddFlow("priority=0,actions=drop");
        FlowRow row = Assert.Single(Read(new FlowQuery([], FlowOrder.Packets, true, 0, 5)).Flows);
        Assert.Equal((0, string.Empty, "drop"), (row.Priority, row.Match, row.Actions));
    }

    [Fact]
    public void A_row_shows_the_first_hundred_actions_and_says_how_many_there_are()
    {
        _switch.DeleteFlows();
        AddLong(8000, count: 1);
        FlowRow row = Assert.Single(Read(new FlowQuery([], FlowOrder.Packets, true, 0, 5)).Flows);
        Assert.Equal(8000, row.ActionCount);
        Assert.EndsWith("output:100,... and 7900 more, 8000 in all", row.Actions, StringComparison.Ordinal);
        Assert.Single(Read(new FlowQuery(["output:7999"], FlowOrder.Packets, true, 0, 5)).Flows); // the search looks at all
    }

    [Fact]
    public void Pages_that_a_reply_has_no_room_for_are_cut_and_are_the_table_together()
    {
        AddLong(8000, count: 400);
        HashSet<string> matches = [];
        for (int offset = 0; offset < Count + 400;)
        {
            FlowPage page = Read(new FlowQuery([], FlowOrder.Priority, IsDescending: false, offset, 500));
            Assert.InRange(JsonSerializer.SerializeToUtf8Bytes(page, WebJson.Default.FlowPage).Length, 1, 300_000);
            Assert.Equal(page.Flows.Count < Math.Min(500, Count + 400 - offset), page.IsCut);
            Assert.All(page.Flows, flow => Assert.True(matches.Add(flow.Match), flow.Match));
            offset += page.Flows.Count;
        }
        Assert.Equal(Count + 400, matches.Count);
    }

    private void AddLong(int actions, int count)
    {
        FlowAction[] outputs = [.. Enumerable.Range(1, actions).Select(port => FlowAction.Output((ushort)port))];
        for (int i = 0; i < count; i++)
        {
            FlowMatch match = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.DlVlan, DlVlan = (ushort)i };
            _switch.Apply(new FlowMod { Match = match, Priority = 1, Actions = outputs });
        }
    }

    private FlowPage Read(FlowQuery query) => _listing.Read(query, TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
}
