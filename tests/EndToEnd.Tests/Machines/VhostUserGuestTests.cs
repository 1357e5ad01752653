using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Machines;

/// <summary>Guests of QEMU's on vhost-user ports of a switch that runs as users run it.</summary>
[Trait("Ring", "all")]
public sealed partial class VhostUserGuestTests(GuestPair pair) : IClassFixture<GuestPair>
{
    [Fact]
    public void Two_guests_ping_each_other_and_exchange_TCP_by_several_queues()
    {
        Need();
        using RunningCommand running = pair.StartSwitch();
        Assert.Contains(" 0% packet loss", pair.Near.Execute($"ping -c 5 -i 0.2 {GuestPair.Far}").Checked().Output, StringComparison.Ordinal);
        Assert.Matches("Current hardware settings:[^C]*Combined:\\s+2", Spaceless(pair.Near.Execute("ethtool -l eth0").Checked().Output));
        pair.Distant.Execute("iperf3 -s -D").Checked();
        AwaitListening(5201);
        foreach (string direction in (string[])["", "-R"])
        {
            CommandResult said = pair.Near.Execute($"iperf3 -c {GuestPair.Far} -P 4 -t 1 -J {direction}");
            JsonElement end = JsonDocument.Parse(said.Checked().Output).RootElement.GetProperty("end");
            Assert.True(end.TryGetProperty("sum_received", out JsonElement received), said.Output);
            double bits = received.GetProperty("bits_per_second").GetDouble();
            Say($"iperf3 -P 4 {direction}: {bits / 1e6:0} Mbit/s");
            Assert.True(bits > 0, said.Output);
        }
        string counters = pair.Near.Execute("ethtool -S eth0").Checked().Output;
        // Each worker receives from one of them; what it sends to the guest goes by its own, too, so that the way back is one queue's here.
        Assert.All((string[])["tx_queue_0_packets", "tx_queue_1_packets"], name => Assert.True(CabledHosts.Number(counters, name + ":") > 0, counters));
    }

    [Fact]
    public void A_switch_that_is_killed_and_started_again_finds_its_guests_and_their_sessions_go_on()
    {
        Need();
        using RunningCommand first = pair.StartSwitch();
        StartTransfer();
        pair.Near.Execute($"ping -i 0.1 {GuestPair.Far} >/tmp/pings &");
        Eventually.True(() => Received() > 300_000, () => $"{Received()} bytes came");
        SwitchProgram.Terminate(first, "KILL");
        Eventually.True(() => first.HasExited, "the switch is gone");
        using RunningCommand second = pair.StartSwitch();
        AssertTransferWhole();
        string pings = pair.Near.Execute("killall -INT ping; until grep -q received /tmp/pings; do sleep 0.1; done; tail -n 3 /tmp/pings").Output;
        Say(pings);
        Match counted = Pings().Match(pings);
        Assert.True(int.Parse(counted.Groups[2].ValueSpan, CultureInfo.InvariantCulture) > 10, pings);
    }

    [Fact]
    public void A_guest_that_gets_memory_binds_its_driver_again_or_boots_again_goes_on()
    {
        Need();
        using RunningCommand running = pair.StartSwitch();
        StartTransfer();
        long before = Memory();
        pair.AddMemory();
        Eventually.True(() => Memory() > before + 32_000, () => $"{Memory()} KiB, {before} before; {pair.Distant.Execute("dmesg | tail").Output}");
        // What comes from now on is in buffers of the new memory, too: the old is in use.
        pair.Distant.Execute("mount -t tmpfs -o size=100m full /root && dd if=/dev/zero of=/root/full bs=1M count=80").Checked();
        AssertTransferWhole();

        pair.Distant.Execute("cd /sys/bus/virtio/drivers/virtio_net; echo virtio0 >unbind; echo virtio0 >bind; network-up").Checked();
        pair.AwaitReach(running);

        pair.Distant.Execute("(sleep 0.2; reboot -f) &");
        pair.Distant.AwaitBoot();
        pair.AwaitReach(running);
        Assert.DoesNotContain("fault", running.Output + running.Error, StringComparison.OrdinalIgnoreCase);
    }

    private static void Need()
    {
        MachineTests.NeedsMachines();
        Needs.Program("iperf3");
        Needs.Program("ethtool");
    }

    private static void Say(string text) => TestContext.Current.TestOutputHelper!.WriteLine(text);

    private static string Spaceless(string text) => text.ReplaceLineEndings(" ");

    private void StartTransfer()
    {
        // nc leaves with its standard input: one that nobody writes to lasts.
        pair.Distant.Execute("rm -f /tmp/came /tmp/quiet; mkfifo /tmp/quiet; (nc -l -p 6000 <>/tmp/quiet >/tmp/came; mv /tmp/came /tmp/all) &");
        AwaitListening(6000);
        // Different pieces of a file, until somebody has had enough: it lasts as long as the test needs.
        const string pieces = "i=0; until test -e /tmp/enough; do dd if=/bin/perl bs=16k skip=$((i % 200)) count=1 2>/dev/null; i=$((i + 1)); sleep 0.1; done";
        pair.Near.Execute($"rm -f /tmp/enough; ({pieces}) | tee /tmp/sent | nc {GuestPair.Far} 6000 &");
    }

    private void AwaitListening(int port) =>
        Eventually.True(() => pair.Distant.Execute($"netstat -ltn | grep -q :{port}").ExitCode == 0, $"port {port} is open in the guest");

    private long Received() => long.Parse(pair.Distant.Execute("stat -c %s /tmp/came || echo 0").Output.Split('\n')[^2], CultureInfo.InvariantCulture);

    private long Memory() => CabledHosts.Number(pair.Distant.Execute("grep MemTotal: /proc/meminfo").Checked().Output, "MemTotal:");

    private void AssertTransferWhole()
    {
        pair.Near.Execute("touch /tmp/enough").Checked();
        Eventually.True(() => pair.Distant.Execute("test -e /tmp/all").ExitCode == 0, () => $"{Received()} bytes came\n{pair.Near.Execute("ps").Output}");
        string came = pair.Distant.Execute("sha256sum </tmp/all; rm /tmp/all").Checked().Output;
        Assert.Equal(pair.Near.Execute("sha256sum </tmp/sent").Checked().Output, came);
    }

    [GeneratedRegex(@"(\d+) packets transmitted, (\d+) packets received")]
    private static partial Regex Pings();
}
