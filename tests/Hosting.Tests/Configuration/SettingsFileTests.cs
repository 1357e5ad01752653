using Softswitch.Commands;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Hosting.Tests.Configuration;

public sealed class SettingsFileTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    [Fact]
    public void Values_and_lists_are_settings_with_their_line_as_origin()
    {
        IReadOnlyList<Setting> settings = Read("""
            # a switch
            port:
              - 1=veth-a
              - 2=replay:/tmp/file,once
            listen: [ptcp:6654]
            datapath-id: 0000000000000042
            """);
        Assert.Equal(
            [
                new Setting("port", "1=veth-a", $"{_path}:3: port"),
                new Setting("port", "2=replay:/tmp/file,once", $"{_path}:4: port"),
                new Setting("listen", "ptcp:6654", $"{_path}:5: listen"),
                new Setting("datapath-id", "0000000000000042", $"{_path}:6: datapath-id"),
            ],
            settings);
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing yet\n")]
    [InlineData("---\n")]
    public void A_file_without_settings_is_one(string text) => Assert.Empty(Read(text));

    [Theory]
    [InlineData("port: a\nports: b", ":2: ports: no such key; there are port, {and all others}")]
    [InlineData("workers: [1, 2]", ":1: workers: must be one value such as N")]
    [InlineData("port: {a: b}", ":1: port: must be a value or a list of values such as [N=]SPEC")]
    [InlineData("port:\n  - [a]", ":2: port: a list inside the list")]
    [InlineData("port:", ":1: port: must be a value or a list of values such as [N=]SPEC")]
    [InlineData("port: a\nport: b", ":2: Duplicate key port")]
    [InlineData("frame-size: 6\n\n g", ":1: frame-size: a value is one line: '6 g'")]
    [InlineData("\"a\\nb\": c", ":1: a b: no such key; there are port, {and all others}")]
    [InlineData("- port", ":1: must be a list of 'key: value' lines")]
    [InlineData("port: [a\nb: c", ": is not YAML")]
    [InlineData("port: [1=s1, 2=s2,rate=50M]", ":1: port: its commas part '2=s2,rate=50M' in this list: it stands in quotes there, \"2=s2,rate=50M\"")]
    [InlineData("port: [x,\n 'b',\n 1=a,rx-slots=64,rate=,c]", ":3: port: its commas part '1=a,rx-slots=64,rate=' in this list: it stands in quotes there, \"1=a,rx-slots=64,rate=\"")]
    [InlineData("port: [replay:f,once]", ":1: port: its commas part 'replay:f,once' in this list: it stands in quotes there, \"replay:f,once\"")]
    [InlineData("queue: [1:5,min-rate=10M]", ":1: queue: its commas part '1:5,min-rate=10M' in this list: it stands in quotes there, \"1:5,min-rate=10M\"")]
    [InlineData("port: a\n---\nport: b", ":3: a second document begins; settings are one")]
    [InlineData("port: !mine a", ":1: the tag !mine means nothing here; settings have none")]
    [InlineData("port: a\nstp: true\0\nin-band: true", ":2: has a NUL character, which no text has")]
    public void Errors_name_file_line_and_key(string text, string expected)
    {
        List<string> errors = [];
        string message = Record.Exception(() => Read(text, errors))?.Message ?? Assert.Single(errors);
        string others = string.Join(", ", SwitchOption.All.Skip(1).Select(option => option.Name).Append("switches"));
        Assert.EndsWith(_path + expected.Replace("{and all others}", others, StringComparison.Ordinal), message, StringComparison.Ordinal);
    }

    [Fact]
    public void Items_in_quotes_or_on_lines_of_their_own_and_interfaces_called_like_an_option_are_ports() => Assert.Equal(
        ["1=a,rate=5M", "client", "server", "once", "local=tap:of", "x", "replay:f", "once"],
        Read("port: ['1=a,rate=5M', client, server, once, local=tap:of]").Concat(Read("port:\n - x\n - replay:f\n - once")).Select(setting => setting.Value));

    [Theory]
    [InlineData("ports: a", 1)]
    [InlineData("port: {a: b}", 1)]
    [InlineData("workers: [1, 2]", 2)]
    public void That_there_is_no_port_is_said_unless_another_mistake_may_be_the_reason(string text, int mistakes)
    {
        List<string> errors = [];
        File.WriteAllText(_path, text);
        FileSettings file = SettingsFile.Read(_path, errors);
        string[] lines = Assert.Throws<OptionException>(() => GroupOptionsReader.Read([], file, null, errors)).Message.Split('\n');
        Assert.Equal((mistakes, mistakes - 1), (lines.Length, lines.Count(line => line.StartsWith("--port: at least one is needed", StringComparison.Ordinal))));
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_named()
    {
        Assert.Equal("--config: /nonexistent/file: no such file", Assert.Throws<OptionException>(() => SettingsFile.Read("/nonexistent/file", [])).Message);
        Assert.Equal("--config: /tmp: is a folder", Assert.Throws<OptionException>(() => SettingsFile.Read("/tmp", [])).Message);
    }

    [Fact]
    public void A_file_without_end_is_given_up() => Assert.Equal(
        "--config: /dev/zero: is longer than a million characters, which no settings are", Assert.Throws<OptionException>(() => SettingsFile.Read("/dev/zero", [])).Message);

    public void Dispose() => File.Delete(_path);

    private IReadOnlyList<Setting> Read(string text, List<string>? errors = null)
    {
        File.WriteAllText(_path, text);
        return SettingsFile.Read(_path, errors ?? []).Settings;
    }
}
