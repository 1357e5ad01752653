using OpenQA.Selenium;
using OpenQA.Selenium.Chrome;
using Softswitch.Testing;

namespace Softswitch.Web.Tests;

/// <summary>Debian's Chromium without a window, at the width of a screen or a phone.</summary>
internal sealed class Browser : IDisposable
{
    public const int Screen = 1280;
    public const int Phone = 360;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2); // of the driver: for a loaded machine

    private readonly ChromeDriverService _service;
    private readonly ChromeDriver _driver;
    private readonly string _profile = Directory.CreateTempSubdirectory("softswitch-browser-").FullName;

    public Browser()
    {
        Needs.Program("chromium");
        Needs.Program("chromedriver");
        _service = ChromeDriverService.CreateDefaultService("/usr/bin", "chromedriver");
        _service.SuppressInitialDiagnosticInformation = true;
        _service.InitializationTimeout = Patience;
        var options = new ChromeOptions { BinaryLocation = "/usr/bin/chromium" };
        // As root, and where /dev/shm is small, as in containers, it runs with these only.
        options.AddArguments("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", $"--user-data-dir={_profile}");
        options.SetLoggingPreference(LogType.Browser, LogLevel.All);
        _driver = new ChromeDriver(_service, options, Patience);
        Look(Screen);
    }

    public IWebDriver Driver => _driver;

    /// <summary>As on a device of that width, of a user with this choice who wants nothing to move by itself: a click finds what it aims at.</summary>
    public void Look(int width, bool dark = false)
    {
        _driver.ExecuteCdpCommand("Emulation.setDeviceMetricsOverride", new()
        {
            ["width"] = width,
            ["height"] = width == Phone ? 740 : 900,
            ["deviceScaleFactor"] = 1,
            ["mobile"] = width == Phone,
        });
        _driver.ExecuteCdpCommand("Emulation.setEmulatedMedia", new()
        {
            ["features"] = new object[]
            {
                new Dictionary<string, object> { ["name"] = "prefers-color-scheme", ["value"] = dark ? "dark" : "light" },
                new Dictionary<string, object> { ["name"] = "prefers-reduced-motion", ["value"] = "reduce" },
            },
        });
    }

    public void Open(string address) => _driver.Navigate().GoToUrl(address);

    public IWebElement Find(string selector) => _driver.FindElement(By.CssSelector(selector));

    public IReadOnlyList<IWebElement> FindAll(string selector) => _driver.FindElements(By.CssSelector(selector));

    /// <summary>All of an element's text, also what is scrolled away.</summary>
    public string TextOf(string selector) => (string)Run($"return document.querySelector('{selector}')?.textContent ?? ''")!;

    public object? Run(string script) => _driver.ExecuteScript(script);

    /// <summary>Waits until the text of an element is as wanted.</summary>
    public void WaitFor(string selector, Func<string, bool> wanted)
    {
        Eventually.True(IsThere, () => $"{selector} says '{TextOf(selector)}'; the console: {string.Join("; ", Complaints())}");

        bool IsThere()
        {
            try
            {
                return wanted(TextOf(selector));
            }
            catch (WebDriverException)
            {
                return false; // the page is just left for another
            }
        }
    }

    /// <summary>Waits until the page is as wide as the window and no wider: what is drawn by script follows a change of width.</summary>
    public void WaitForWidth(int width) =>
        Eventually.True(() => (long)width == (long)Run("return document.documentElement.scrollWidth")!, () => $"the page is {Run("return document.documentElement.scrollWidth")} wide, not {width}");

    /// <summary>What the console was told since it was asked last: errors of scripts, and of the content policy.</summary>
    public IReadOnlyList<string> Complaints() => [.. _driver.Manage().Logs.GetLog(LogType.Browser).Select(entry => entry.Message)];

    /// <summary>Keeps a picture of the whole page for a person, under artifacts/web.</summary>
    public void Keep(string name)
    {
        string folder = Path.Combine(Repository.Root, "artifacts", "web");
        Directory.CreateDirectory(folder);
        Run("scrollTo(0, 0)"); // what sticks to the window's top would be in the middle of the picture
        var picture = (Dictionary<string, object?>)_driver.ExecuteCdpCommand("Page.captureScreenshot", new()
        {
            ["captureBeyondViewport"] = true,
            ["clip"] = new Dictionary<string, object>
            {
                ["x"] = 0,
                ["y"] = 0,
                ["scale"] = 1,
                ["width"] = Run("return innerWidth")!,
                ["height"] = Run("return Math.min(6000, document.documentElement.scrollHeight)")!,
            },
        })!;
        File.WriteAllBytes(Path.Combine(folder, $"{name}.png"), Convert.FromBase64String((string)picture["data"]!));
    }

    public void Dispose()
    {
        _driver.Dispose();
        _service.Dispose();
        try
        {
            Directory.Delete(_profile, recursive: true);
        }
        catch (IOException)
        {
            // its last process still writes there
        }
    }
}
