using System.Net;
using System.Net.Sockets;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Failures;

/// <summary>A resolver that takes longer than anybody waits: it holds up nothing but the connection to the name it was asked for.</summary>
public sealed class SlowResolverTests : WithControlSocket
{
    private const int SlowNames = 20;

    [Fact]
    public void Many_names_that_are_not_answered_hold_up_neither_packets_nor_other_controllers_nor_tools_nor_the_end()
    {
        Needs.Namespaces("ping", "ovs-ofctl", "unshare");
        using var lab = new CabledHosts();
        using var resolver = new HeldResolver(lab.Inside);
        using Socket listener = PlainController.Listen(lab.Inside, 6700);
        string before = InterfacePicture.Of(lab.Inside);
        string[] slow = [.. Enumerable.Range(1, SlowNames).SelectMany(number => new[] { "--controller", $"tcp:slow{number}.example" })];
        using RunningCommand running = resolver.Start(
            lab.Inside,
            ["run", "--port", "1=s1", "--port", "2=s2", "--listen", CabledHosts.Listen, .. slow, "--controller", "tcp:127.0.0.1:6700", "--control", Control]);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        Eventually.True(() => resolver.Held.Count == SlowNames, () => string.Join(' ', resolver.Held));

        using PlainController controller = PlainController.Accept(listener);
        controller.Echo(7);
        controller.KeepAlive();
        lab.Ofctl("add-flow", "actions=normal");
        Assert.Equal(3, lab.Ping(1, 2));
        running.WaitForText("tcp:slow1.example:6653: cannot connect: the resolver has not answered for 'slow1.example' within 5 s", SwitchProgram.Patience);
        Assert.Contains($"1 of {SlowNames + 1} connected", Status(), StringComparison.Ordinal);
        controller.Echo(8);
        Assert.Equal(3, lab.Ping(1, 2));

        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
        Assert.Equal(SlowNames, resolver.Held.Count);
        Assert.Equal(before, InterfacePicture.Of(lab.Inside));
    }

    [Fact]
    public void An_answer_that_comes_after_the_attempt_was_given_up_serves_the_next_one()
    {
        Needs.Namespaces("unshare");
        using var lab = new CabledHosts();
        using var resolver = new HeldResolver(lab.Inside);
        using Socket listener = PlainController.Listen(lab.Inside, 6653);
        using RunningCommand running = resolver.Start(lab.Inside, "run", "--port", "1=s1", "--controller", "tcp:late.example");
        running.WaitForText("the resolver has not answered for 'late.example' within 5 s", SwitchProgram.Patience);
        resolver.AnswerOnce("late.example", IPAddress.Loopback);
        using PlainController controller = PlainController.Accept(listener);
        controller.Echo(7);
    }

    [Fact]
    public void A_name_that_there_is_not_is_said_once_and_reached_when_there_is_one()
    {
        Needs.Namespaces("unshare");
        using var lab = new CabledHosts();
        using var resolver = new HeldResolver(lab.Inside);
        using Socket listener = PlainController.Listen(lab.Inside, 6653);
        resolver.Answer("wrong.example", null);
        using RunningCommand running = resolver.Start(lab.Inside, "run", "--port", "1=s1", "--controller", "tcp:wrong.example");
        running.WaitForText("tcp:wrong.example:6653: cannot connect: 'wrong.example': there is no such name", SwitchProgram.Patience);
        resolver.Answer("wrong.example", IPAddress.Loopback);
        using PlainController controller = PlainController.Accept(listener);
        controller.Echo(7);
        Assert.Equal(2, running.Error.Split("there is no such name").Length);
    }

    [Fact]
    public void In_band_one_name_that_is_not_answered_leaves_the_others_their_way()
    {
        Needs.Namespaces("unshare", "ip");
        Needs.Tun();
        using var lab = new CabledHosts();
        using var resolver = new HeldResolver(lab.Inside);
        resolver.Answer("quick.example", IPAddress.Parse("10.0.0.1"));
        using RunningCommand running = resolver.Start(
            lab.Inside, "run", "--port", "1=s1", "--port", "local=tap:of0", "--in-band", "--controller", "tcp:slow.example", "--controller", "tcp:quick.example");
        running.WaitForText("past the flow table go controllers 10.0.0.1:6653", SwitchProgram.Patience);
        lab.Inside.Execute("ip", "addr", "add", "10.0.0.100/24", "dev", "of0").Checked();
        running.WaitForText("in-band: of0 has 10.0.0.100; past the flow table go controllers 10.0.0.1:6653", SwitchProgram.Patience);
        Eventually.True(() => resolver.Held.SequenceEqual(["slow.example"]), () => string.Join(' ', resolver.Held));
        resolver.Answer("slow.example", IPAddress.Parse("10.0.0.2"));
        running.WaitForText("go controllers 10.0.0.2:6653, 10.0.0.1:6653", SwitchProgram.Patience);
    }

    [Fact]
    public void To_listen_at_a_name_that_is_not_answered_is_refused_with_the_reason()
    {
        Needs.Namespaces("unshare");
        using var lab = new CabledHosts();
        using var resolver = new HeldResolver(lab.Inside);
        CommandResult result = resolver.Start(lab.Inside, "run", "--port", "1=s1", "--listen", "ptcp:6654:slow.example").WaitForEnd(SwitchProgram.Patience);
        Assert.Equal(2, result.ExitCode);
        Assert.EndsWith(
            "softswitch run: --listen: ptcp:6654:slow.example: the resolver has not answered for 'slow.example' within 5 s\n", result.Error, StringComparison.Ordinal);
    }
}
