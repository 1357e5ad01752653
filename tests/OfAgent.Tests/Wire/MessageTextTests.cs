using System.Diagnostics;
using Softswitch.OfAgent.Text;

namespace Softswitch.OfAgent.Tests.Wire;

/// <summary>Hex in, text out: every message of the files, as we and as Open vSwitch read it.</summary>
public sealed class MessageTextTests
{
    [Theory, MemberData(nameof(MessageFiles.Names), MemberType = typeof(MessageFiles))]
    public void A_message_prints_as_its_file_says(string name)
    {
        MessageCase message = MessageFiles.Find(name);

        Assert.Equal(message.Text, TrimLines(MessageText.Format(message.Bytes)));
    }

    [Theory, MemberData(nameof(MessageFiles.NamesForOpenVSwitch), MemberType = typeof(MessageFiles))]
    public void Open_vSwitch_reads_the_same(string name)
    {
        MessageCase message = MessageFiles.Find(name);
        Assert.SkipUnless(File.Exists("/usr/bin/ovs-ofctl"), "ovs-ofctl is not installed");
        string printed = RunOfpPrint(Convert.ToHexString(message.Bytes));

        Assert.Equal(FirstLines(message.Text, message.OvsLines), FirstLines(TrimLines(printed), message.OvsLines));
    }

    private static string RunOfpPrint(string hex)
    {
        using Process process = Process.Start(new ProcessStartInfo("/usr/bin/ovs-ofctl", ["ofp-print", hex])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }

    private static string TrimLines(string text) => string.Join('\n', text.Split('\n').Select(l => l.TrimEnd())).TrimEnd();

    private static string FirstLines(string text, int count) => string.Join('\n', text.Split('\n').Take(count));
}
