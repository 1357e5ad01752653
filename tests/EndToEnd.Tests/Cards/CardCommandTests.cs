using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Hosting;

namespace Softswitch.EndToEnd.Tests.Cards;

/// <summary>The <c>netfpga</c> commands.</summary>
public sealed class CardCommandTests : WithControlSocket
{
    private const string Tcp =
        "in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,dl_vlan=0xffff,tcp,nw_tos=0,nw_src=192.0.2.10,nw_dst=192.0.2.20,tp_src=40000,tp_dst=80,actions=output:2";

    [Fact]
    public void The_commands_print_and_refuse()
    {
        string flows = Write("flows", Tcp);
        CommandResult dump = SwitchProgram.Execute("netfpga", "dump", "--flows", flows).Checked();
        Assert.Equal("W 02001000 00000001", dump.Output.Split('\n')[0]);
        Assert.Contains("\nW 0105079c 80ffff00\n", dump.Output, StringComparison.Ordinal);
        string decoded = SwitchProgram.Execute("netfpga", "decode", Write("image", dump.Output)).Checked().Output;
        Assert.Equal(
            "# slot 0x0a0f\ntcp,in_port=1,vlan_tci=0x0000,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=192.0.2.10,nw_dst=192.0.2.20,nw_tos=0,tp_src=40000,tp_dst=80 actions=output:2\n",
            decoded);

        AssertRefused("softswitch netfpga dump: --layout: '2' is neither 1.0 nor 0.9\n", "dump", "--flows", flows, "--layout", "2");
        AssertRefused("softswitch netfpga dump: --offload: 'off' is none of strict, on and all\n", "dump", "--flows", flows, "--offload", "off");
        AssertRefused($"softswitch netfpga decode: {flows}:1: '{Tcp}' is neither 'W address value' nor 'R address value'\n", "decode", flows);
        AssertRefused("softswitch netfpga show: nosuch0: there is neither an interface nosuch0 nor a device /dev/nosuch0: is the NetFPGA driver loaded?\n", "show", "nosuch0");
        AssertRefused("softswitch netfpga show: name: 'nf2c0' is asked of a running switch only\n", "show", "nf2c0", "nf2c0");
    }

    [Fact]
    public void A_running_switch_without_a_card_says_so()
    {
        using SwitchHost running = StartHost(("port", "1=null:"));
        AssertRefused("softswitch netfpga show: the switch has no NetFPGA card (run --netfpga)\n", "show", Target);
    }

    private static void AssertRefused(string error, params string[] arguments)
    {
        CommandResult result = SwitchProgram.Execute(["netfpga", .. arguments]);
        Assert.Equal((2, string.Empty, error), (result.ExitCode, result.Output, result.Error));
    }

    private string Write(string name, string text)
    {
        File.WriteAllText(PathOf(name), text);
        return PathOf(name);
    }
}
