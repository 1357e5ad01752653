using OpenQA.Selenium;

namespace Softswitch.Web.Tests;

/// <summary>The overview of several switches in a browser.</summary>
[Trait("Ring", "all")]
public sealed class OverviewTests : IDisposable
{
    private readonly Browser _browser = new();
    private readonly ServedGroup _served = new("s1", "s2", "s10");

    public void Dispose()
    {
        _served.Dispose();
        _browser.Dispose();
    }

    [Fact]
    public void It_shows_each_switch_with_its_rates_and_fits_any_width_in_dark_and_light()
    {
        _served["s2"].AddPort("7=null:");
        _served.BeginTraffic("s2");
        _browser.Open(_served.Server.Address);
        _browser.WaitFor("[data-key=s2]", row => Has(row, "3 of 3") && !Has(row, "0/s0 in all"));
        _browser.WaitFor("#drop-rows", reasons => Has(reasons, "to a port that does not exist") && Has(reasons, "s2: "));
        Assert.Equal(["s1", "s2", "s10"], Names());
        _browser.WaitFor("#state", text => text == "live");
        _browser.WaitFor("#worker-rows", text => text.Contains("Worker 0", StringComparison.Ordinal));
        foreach ((int width, bool dark) in ((int, bool)[])[(Browser.Screen, false), (Browser.Screen, true), (Browser.Phone, false), (Browser.Phone, true)])
        {
            _browser.Look(width, dark);
            string traffic = TrafficPath();
            _browser.WaitFor("#state", _ => TrafficPath() != traffic);
            _browser.WaitForWidth(width);
            _browser.Keep($"overview-{width}-{(dark ? "dark" : "light")}");
        }
        Assert.Empty(_browser.Complaints());
    }

    [Fact]
    public void Switches_are_sorted_and_searched_and_come_and_go_without_a_new_page()
    {
        _served["s1"].AddFlow("priority=1,actions=");
        _browser.Open(_served.Server.Address);
        _browser.WaitFor("#switch-count", text => text == "3 in all");
        Assert.Equal(["s1", "s2", "s10"], Names());
        _browser.Find("[data-sort=name]").SendKeys(Keys.Enter);
        Assert.Equal(["s10", "s2", "s1"], Names());
        _browser.Find("[data-sort=flows]").Click();
        Assert.Equal(["s1", "s2", "s10"], Names());
        Assert.Equal("descending", _browser.Find("th:has([data-sort=flows])").GetDomAttribute("aria-sort"));
        _browser.Find("#switch-search").SendKeys("S1 running");
        _browser.WaitFor("#switch-count", text => text == "2 of 3");
        Assert.Equal(["s1", "s10"], Names());
        _browser.Find("#switch-search").Clear();
        _browser.Find("#switch-search").SendKeys(Keys.Backspace);
        _served.Add("s3");
        _browser.WaitFor("#switch-count", text => text == "4 in all");
        _served.Group.Remove("s10");
        _browser.WaitFor("#switch-count", text => text == "3 in all");
        Assert.Equal(["s1", "s2", "s3"], Names());
        Assert.Empty(_browser.Complaints());
    }

    [Fact]
    public void A_switch_is_one_click_away_and_the_overview_another()
    {
        string token = _served.Said[_served.Said.IndexOf('#', StringComparison.Ordinal)..];
        _browser.Open($"{_served.Server.Address}{token}");
        _browser.WaitFor("#switch-rows", rows => rows.Contains("s2", StringComparison.Ordinal));
        Assert.Equal(_served.Server.Address, _browser.Driver.Url); // and no token
        _browser.Find("[data-key=s2] a").Click();
        _browser.WaitFor("#name", name => name == "s2");
        _browser.WaitFor("#state", text => text == "live");
        Assert.Equal($"{_served.Server.Address}switch/s2/", _browser.Driver.Url);
        Assert.True(_browser.Find("#capture-start").Enabled); // the token came along
        _browser.Find("#all").Click();
        _browser.WaitFor("#switch-count", text => text == "3 in all");
        Assert.Empty(_browser.Complaints());
    }

    [Fact]
    public void Who_looks_at_the_only_switch_goes_on_with_it_when_another_comes()
    {
        _served.Group.Remove("s1");
        _served.Group.Remove("s10");
        _browser.Open(_served.Server.Address);
        _browser.WaitFor("#name", name => name == "s2");
        Assert.Equal(_served.Server.Address, _browser.Driver.Url);
        Assert.False(_browser.Find("#all").Displayed);
        _served.Add("s3");
        _browser.WaitFor("#all", _ => _browser.Driver.Url == $"{_served.Server.Address}switch/s2/" && _browser.Find("#all").Displayed);
        _browser.WaitFor("#name", name => name == "s2");
        _served.Group.Remove("s2");
        _browser.WaitFor("#state", text => text.Contains("switch 's2': there is no such switch in this process; there are s3", StringComparison.Ordinal));
        _served.Add("s2");
        _browser.WaitFor("#state", text => text == "live");
    }

    private static bool Has(string text, string part) => text.Contains(part, StringComparison.Ordinal);

    private string TrafficPath() => (string)_browser.Run("return document.querySelector('#traffic .rx-line')?.getAttribute('d') ?? ''")!;

    private string[] Names()
    {
        object names = _browser.Run("return [...document.querySelectorAll('#switch-rows a')].map(link => link.textContent)")!;
        return [.. ((IReadOnlyCollection<object>)names).Cast<string>()];
    }
}
