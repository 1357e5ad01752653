using System.Text.RegularExpressions;
using OpenQA.Selenium;
using Softswitch.Datapath.Flows;
using Softswitch.Testing;

namespace Softswitch.Web.Tests;

/// <summary>The page in a browser.</summary>
[Trait("Ring", "all")]
public sealed partial class PageTests : IDisposable
{
    private readonly Browser _browser = new();
    private ServedSwitch _served = new();

    public void Dispose()
    {
        _served.Dispose();
        _browser.Dispose();
    }

    [Fact]
    public void It_shows_rates_and_why_packets_ended_and_fits_any_width_in_dark_and_light()
    {
        _served.BeginTraffic();
        _browser.Open(_served.Server.Address);
        _browser.WaitFor("#port-rows tr", row => row.Contains("left", StringComparison.Ordinal) && SomeRate().IsMatch(row));
        _browser.WaitFor("#drop-rows", reasons => reasons.Contains("a second", StringComparison.Ordinal) && reasons.Contains("to a port that does not exist", StringComparison.Ordinal) && reasons.Contains("1 (left)", StringComparison.Ordinal));
        _browser.WaitFor("#flow-rows", rows => rows.Contains("output:2", StringComparison.Ordinal));
        _browser.WaitFor("#state", text => text == "live");
        Trace("in_port=1,tcp,nw_dst=10.0.0.2", "to a port that does not exist");
        // Some history, so that a picture shows lines.
        _browser.WaitFor("#identity", text => UptimeOf(text) >= 12);
        foreach ((int width, bool dark) in ((int, bool)[])[(Browser.Screen, false), (Browser.Screen, true), (Browser.Phone, false), (Browser.Phone, true)])
        {
            _browser.Look(width, dark);
            string traffic = TrafficPath();
            _browser.WaitFor("#state", text => text == "live" && TrafficPath() != traffic);
            _browser.WaitForWidth(width);
            _browser.Keep($"page-{width}-{(dark ? "dark" : "light")}");
        }
        Assert.Empty(_browser.Complaints());
    }

    [Fact]
    public void Reasons_that_drop_now_come_first_and_those_that_are_quiet_are_folded()
    {
        for (int i = 0; i < 3; i++)
        {
            Eventually.True(() => _served.Left.TrySend(TestPacket.Udp()), "the worker makes room");
        }
        Eventually.True(() => _served.Switch.Reader.ReadReport().Drops.GetValueOrDefault("miss") == 3, "they are dropped");
        _served.BeginTraffic();
        _browser.Open(_served.Server.Address);
        _browser.WaitFor("#drop-quiet summary", text => text == "Quiet: 1 reason, 3 packets");
        Assert.Contains("to a port that does not exist", _browser.TextOf("#drop-rows"), StringComparison.Ordinal);
        Assert.DoesNotContain("no flow entry matched", _browser.TextOf("#drop-rows"), StringComparison.Ordinal);
        Assert.False(_browser.Find("#drop-quiet-rows").Displayed);
        _browser.Find("#drop-quiet summary").Click();
        Assert.True(_browser.Find("#drop-quiet-rows").Displayed);
        Assert.Contains("no flow entry matched", _browser.TextOf("#drop-quiet-rows"), StringComparison.Ordinal);
        Assert.Empty(_browser.Complaints());
    }

    [Fact]
    public void A_list_of_actions_that_is_cut_says_how_many_there_are()
    {
        _served.Switch.AddFlow($"priority=1,actions={string.Join(',', Enumerable.Range(1, 8000).Select(port => $"output:{port}"))}");
        _browser.Open(_served.Server.Address);
        _browser.WaitFor("#flow-rows", rows => rows.Contains("output:100,... and 7900 more, 8000 in all", StringComparison.Ordinal));
    }

    [Fact]
    public void It_goes_on_when_the_switch_was_restarted()
    {
        _browser.Open(_served.Server.Address);
        _browser.WaitFor("#identity", text => text.Contains("0000000000000051", StringComparison.Ordinal));
        int port = _served.Address.Port;
        _served.Dispose();
        _browser.WaitFor("#state", text => text.Contains("trying again", StringComparison.Ordinal));
        _served = new ServedSwitch(port, datapathId: 0x52);
        _browser.WaitFor("#identity", text => text.Contains("0000000000000052", StringComparison.Ordinal));
        _browser.WaitFor("#state", text => text == "live");
    }

    [Fact]
    public void Names_are_text_whatever_they_contain()
    {
        const string name = "<img src=x onerror=alert(1)>";
        _served.Switch.AddProgramPort(name);
        _browser.Open(_served.Server.Address);
        _browser.WaitFor("#port-rows", rows => rows.Contains(name, StringComparison.Ordinal));
        Assert.Empty(_browser.FindAll("#port-rows img"));
        Assert.Empty(_browser.Complaints());
    }

    [Fact]
    public void A_hundred_thousand_entries_are_searched_sorted_and_paged()
    {
        for (int i = 0; i < 100_000; i++)
        {
            _served.Switch.Apply(new FlowMod
            {
                Match = FlowMatch.Any with
                {
                    Wildcards = FlowWildcards.All & ~(FlowWildcards.DlType | FlowWildcards.DlVlan),
                    DlType = (ushort)(0x1000 + (i & 0xffff) % 0xe000),
                    DlVlan = (ushort)(i / 0xe000),
                },
                Priority = (ushort)(i % 60_000),
                Cookie = (ulong)i,
                Actions = [FlowAction.Output(2)],
            });
        }
        _browser.Open(_served.Server.Address);
        _browser.WaitFor("#flow-count", text => text == "1 to 25 of 100\u202f000");
        _browser.Find("[data-sort=cookie]").Click();
        _browser.WaitFor("#flow-rows tr", row => row.EndsWith("0x1869f", StringComparison.Ordinal)); // 99,999
        _browser.Find("[data-sort=cookie]").SendKeys(Keys.Enter);
        _browser.WaitFor("#flow-rows tr", row => row.EndsWith("0x0", StringComparison.Ordinal));
        Assert.Equal("ascending", _browser.Find("th:has([data-sort=cookie])").GetDomAttribute("aria-sort"));
        _browser.Find("#flow-next").Click();
        _browser.WaitFor("#flow-rows tr", row => row.EndsWith("0x19", StringComparison.Ordinal)); // 25
        _browser.WaitFor("#flow-count", text => text.StartsWith("26 to 50 of", StringComparison.Ordinal));
        _browser.Find("#flow-search").SendKeys("cookie=0xbeef");
        // A starved machine says behind it how far it came in its time.
        _browser.WaitFor("#flow-count", text => text.StartsWith("1 to 1 of 1, out of 100\u202f000", StringComparison.Ordinal));
        _browser.WaitFor("#flow-rows tr", row => row.EndsWith("0xbeef", StringComparison.Ordinal));
        _browser.Find("#flow-search").SendKeys("nothing");
        _browser.WaitFor("#flow-count", text => text == "None of 100\u202f000 entries.");
        Assert.Empty(_browser.Complaints());
    }

    [Fact]
    public void A_trace_is_a_way_from_port_to_port_with_what_is_rewritten_and_where_it_ends()
    {
        _served.Switch.AddFlow("priority=9,in_port=1,udp,actions=mod_nw_dst:10.9.9.9,output:2,mod_tp_dst:53,output:2,output:77");
        _browser.Open(_served.Server.Address);
        _browser.WaitFor("#trace-port", options => options.Contains("left", StringComparison.Ordinal));
        Trace("in_port=1,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2", "10.9.9.9");
        Assert.Equal(2, _browser.FindAll("#trace-result .box.out").Count);
        Assert.Single(_browser.FindAll("#trace-result .box.end"));
        Assert.Single(_browser.FindAll("#trace-result .edge.lost"));
        Assert.Contains("priority 9", _browser.TextOf("#trace-result svg"), StringComparison.Ordinal);
        _browser.Look(Browser.Phone);
        _browser.WaitFor("#trace-result svg", text => text.Contains("priority 9", StringComparison.Ordinal));
        _browser.WaitForWidth(Browser.Phone);
        _browser.Keep("trace-360");
        _browser.Look(Browser.Screen);
        Trace("in_port=9,udp", "there is no port 9");
        Assert.Empty(_browser.FindAll("#trace-result svg"));
    }

    [Fact]
    public void A_capture_is_kept_by_who_has_the_token_and_by_nobody_else()
    {
        _served.BeginTraffic();
        _browser.Open(_served.Server.Address);
        _browser.WaitFor("#capture-note", note => note.Contains("token", StringComparison.Ordinal));
        Assert.False(_browser.Find("#capture-start").Enabled);
        _browser.Open("about:blank"); // else the change behind the # is no new page
        _browser.Open($"{_served.Server.Address}#token={_served.Token}");
        Eventually.True(() => _browser.Find("#capture-start").Enabled, "a capture can be started");
        Assert.DoesNotContain("token", _browser.Driver.Url, StringComparison.Ordinal);
        Fill("#capture-count", "20");
        _browser.Find("#capture-start").Click();
        _browser.WaitFor("#capture-state", text => text.StartsWith("20 packets, ", StringComparison.Ordinal) && text.EndsWith("none was lost to the capture", StringComparison.Ordinal));
        Fill("#capture-count", "1000000");
        _browser.Find("#capture-start").Click();
        _browser.WaitFor("#capture-state", text => text.EndsWith("so far", StringComparison.Ordinal));
        _browser.Find("#capture-stop").Click();
        _browser.WaitFor("#capture-state", text => text.EndsWith("lost to the capture", StringComparison.Ordinal));
        Fill("#capture-match", "nonsense");
        _browser.Find("#capture-start").Click();
        _browser.WaitFor("#capture-state", text => text.StartsWith("--match 'nonsense': ", StringComparison.Ordinal));
    }

    [Fact]
    public void Everything_that_can_be_done_is_reached_by_keyboard()
    {
        _browser.Open(_served.Server.Address);
        _browser.WaitFor("#state", text => text == "live");
        HashSet<string> reached = [];
        IWebElement body = _browser.Find("body");
        for (int i = 0; i < 60; i++)
        {
            body.SendKeys(Keys.Tab);
            reached.Add((string)_browser.Run("const a = document.activeElement; return a.id || a.dataset.sort || a.getAttribute('href') || a.textContent")!);
        }
        string[] wanted = [.. ((IReadOnlyCollection<object>)_browser.Run(
            "return [...document.querySelectorAll('a[href], input, select, button')].filter(a => !a.disabled && a.offsetParent).map(a => a.id || a.dataset.sort || a.getAttribute('href') || a.textContent)")!).Cast<string>()];
        Assert.Empty(wanted.Except(reached));
        Assert.All(_browser.FindAll("input, select"), field => Assert.NotEmpty((string)((IJavaScriptExecutor)_browser.Driver).ExecuteScript("return arguments[0].labels[0]?.textContent ?? ''", field)!));
    }

    private void Trace(string flow, string expected)
    {
        Fill("#trace-flow", flow);
        _browser.Find("#trace-form button").Click();
        _browser.WaitFor("#trace-result", text => text.Contains(expected, StringComparison.Ordinal));
    }

    private void Fill(string field, string text)
    {
        _browser.Find(field).Clear();
        _browser.Find(field).SendKeys(text);
    }

    private static int UptimeOf(string identity)
    {
        string[] words = identity.Split(' ');
        int at = Array.IndexOf(words, "up");
        return words.Length > at + 2 && int.TryParse(words[at + 1], out int number) ? words[at + 2] == "s" ? number : 60 : 0;
    }

    private string TrafficPath() => (string)_browser.Run("return document.querySelector('#traffic .rx-line')?.getAttribute('d') ?? ''")!;

    [GeneratedRegex(@"[1-9][0-9.]*\sk?\s?packets/s")]
    private static partial Regex SomeRate();
}
