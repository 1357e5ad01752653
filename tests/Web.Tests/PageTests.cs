using System.Text.RegularExpressions;
using OpenQA.Selenium;
using Softswitch.Datapath.Flows;

namespace Softswitch.Web.Tests;

/// <summary>The page in a browser.</summary>
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
        _browser.WaitFor("#drop-rows", reasons => reasons.Contains("a second", StringComparison.Ordinal));
        _browser.WaitFor("#flow-rows", rows => rows.Contains("output:2", StringComparison.Ordinal));
        Assert.Equal("live", _browser.TextOf("#state"));
        // Some history, so that a picture shows lines.
        _browser.WaitFor("#identity", text => UptimeOf(text) >= 12);
        foreach ((int width, bool dark) in ((int, bool)[])[(Browser.Screen, false), (Browser.Screen, true), (Browser.Phone, false), (Browser.Phone, true)])
        {
            _browser.Look(width, dark);
            string traffic = TrafficPath();
            _browser.WaitFor("#state", text => text == "live" && TrafficPath() != traffic);
            Assert.Equal((long)width, _browser.Run("return document.documentElement.scrollWidth"));
            _browser.Keep($"page-{width}-{(dark ? "dark" : "light")}");
        }
        Assert.Empty(_browser.Complaints());
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
                    Wildcards = FlowWildcards.All & ~(FlowWildcards.DlType | FlowWildcards.DlVlan), DlType = (ushort)(0x1000 + (i & 0xffff) % 0xe000), DlVlan = (ushort)(i / 0xe000),
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
        _browser.WaitFor("#flow-count", text => text == "1 to 1 of 1, out of 100\u202f000");
        _browser.WaitFor("#flow-rows tr", row => row.EndsWith("0xbeef", StringComparison.Ordinal));
        _browser.Find("#flow-search").SendKeys("nothing");
        _browser.WaitFor("#flow-count", text => text == "None of 100\u202f000 entries.");
        Assert.Empty(_browser.Complaints());
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
