using System.Text.RegularExpressions;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The page as the program serves it.</summary>
public sealed partial class WebTests
{
    [Fact]
    public async Task Run_serves_page_and_metrics_at_the_loopback_address_and_ends_with_the_switch()
    {
        using RunningCommand running = Start("run", "--port", "1=null:", "--web", "0");
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        using var client = new HttpClient { BaseAddress = AddressIn(running) };
        Assert.Contains("<title>Softswitch</title>", await client.GetStringAsync("/", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("softswitch_port_up{port=\"1\"", await client.GetStringAsync("/metrics", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    [Fact]
    public async Task The_demo_is_seen_from_outside_its_own_network_with_traffic()
    {
        Needs.Namespaces();
        using RunningCommand demo = Start("demo", "--web", "0");
        demo.WaitForText("round 2:", TimeSpan.FromSeconds(60));
        using var client = new HttpClient { BaseAddress = AddressIn(demo) };
        string metrics = await client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        Match received = Received().Match(metrics);
        Assert.True(received.Success && int.Parse(received.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) > 0, metrics);
        Assert.Contains("output:", await client.GetStringAsync("/api/flows", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        SwitchProgram.Terminate(demo, "INT");
        Assert.Equal(0, demo.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    private static RunningCommand Start(params string[] arguments) => RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, .. arguments]);

    private static Uri AddressIn(RunningCommand command) => new(Address().Match(command.Output).Groups[1].Value);

    [GeneratedRegex("web: (http://[^#]+)#token=")]
    private static partial Regex Address();

    [GeneratedRegex("""softswitch_port_receive_packets_total\{port="1",name="s1-h1"\} ([0-9]+)""")]
    private static partial Regex Received();
}
