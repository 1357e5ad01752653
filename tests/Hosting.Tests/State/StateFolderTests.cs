using Microsoft.Extensions.Logging.Abstractions;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.State;

namespace Softswitch.Hosting.Tests.State;

/// <summary>What a folder adds to the options.</summary>
public sealed class StateFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-state-").FullName;

    public StateFolderTests()
    {
        using JournalFile file = JournalFile.Create(Path.Combine(_folder, "flows.journal"));
        JournalBuffer buffer = new(1000);
        buffer.DatapathId(0x42);
        buffer.Port(1, "eth2");
        buffer.Port(5, "eth1");
        buffer.Port(2, "gone");
        file.Append(buffer.Bytes);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Ports_without_a_number_have_the_one_they_had_and_queues_stay_with_their_port()
    {
        SwitchOptions options = Complete(("port", "eth1"), ("port", "eth2"), ("port", "eth3"), ("queue", "1:7,min-rate=1M"));
        Assert.Equal(["5=eth1", "1=eth2", "3=eth3"], options.Ports.Select(port => port.NumberedText)); // 2 is of one that is gone
        Assert.Equal(5, Assert.Single(options.Queues).Port);
        Assert.Equal(0x42UL, options.DatapathId);
    }

    [Fact]
    public void What_is_asked_for_wins()
    {
        SwitchOptions options = Complete(("port", "5=eth3"), ("port", "eth1"), ("port", "2=eth2"), ("datapath-id", "43"));
        Assert.Equal(["5=eth3", "3=eth1", "2=eth2"], options.Ports.Select(port => port.NumberedText));
        Assert.Equal(0x43UL, options.DatapathId);
    }

    [Fact]
    public void Two_ports_of_one_name_get_two_numbers()
    {
        SwitchOptions options = Complete(("port", "null:"), ("port", "null:"), ("port", "eth1"));
        Assert.Equal(["3=null:", "4=null:", "5=eth1"], options.Ports.Select(port => port.NumberedText));
    }

    private SwitchOptions Complete(params (string, string)[] settings)
    {
        using StateFolder folder = StateFolder.Open(_folder, NullLogger.Instance);
        return folder.Complete(SwitchOptions.Parse(settings).Complete());
    }
}
