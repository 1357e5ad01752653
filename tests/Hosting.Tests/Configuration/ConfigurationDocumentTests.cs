using Softswitch.Commands;
using Softswitch.Hosting.Configuration;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.Configuration;

/// <summary>Page, schema and example of the configuration file say what the options' declarations say.</summary>
public sealed class ConfigurationDocumentTests : IDisposable
{
    private const string Update = "UPDATE_CONFIGURATION=1 ./test ConfigurationDocument";
    private const string Marker = "<!-- from here on made from the options' declarations -->\n\n";
    private const string Validator = """
        import json, sys, yaml, jsonschema
        schema = json.load(open(sys.argv[1]))
        jsonschema.Draft7Validator.check_schema(schema)
        print(len(list(jsonschema.Draft7Validator(schema).iter_errors(yaml.safe_load(open(sys.argv[2]))))))
        """;

    private readonly string _file = Path.GetTempFileName();

    private static string SchemaFile => Path.Combine(Repository.Root, "etc", "softswitch.schema.json");

    private static string Example => Path.Combine(Repository.Root, "etc", "softswitch.yaml");

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void The_schema_says_what_the_options_say() => AssertIs(SchemaFile, ConfigurationDocuments.Schema());

    [Fact]
    public void The_page_says_what_the_options_say()
    {
        string page = Path.Combine(Repository.Root, "docs", "configuration.md");
        AssertIs(page, File.ReadAllText(page).Split(Marker)[0] + Marker + ConfigurationDocuments.Page());
    }

    [Fact]
    public void The_example_is_fit_to_start_with_and_names_its_schema()
    {
        string text = File.ReadAllText(Example);
        Assert.Contains("# yaml-language-server: $schema=softswitch.schema.json\n", text, StringComparison.Ordinal);
        Check(text);
        // Each setting that it shows in a comment is good, too, and no option is missing.
        string[] lines = text.Split('\n');
        string[] shown = ["private-key", "certificate", "ca-cert", "queue"]; // files that are not there, and a list
        List<string> named = [];
        foreach (string line in lines)
        {
            string name = line.TrimStart('#').Split(':')[0];
            if (SwitchOption.All.All(option => option.Name != name))
            {
                continue;
            }
            named.Add(name);
            bool isValue = line.StartsWith('#') && line.Length > name.Length + 2 && !shown.Contains(name);
            Check(isValue ? $"port: [1=eth1, local=tap:sw0]\ncontroller: tcp:192.0.2.1\n{line[1..]}\n" : text);
        }
        string[] elsewhere = ["take-over", "netfpga", "bootstrap-ca-cert"];
        Assert.Equal(SwitchOption.All.Select(option => option.Name).Except(elsewhere).Order(), named.Order());
    }

    [Theory, Trait("Ring", "peers")]
    [InlineData("", 0)]
    [InlineData("port: eth1\nweb: 8080\nstp: true\nframe-size: 4096\nfail-mode: secure\nqueue: ['1:2,max-rate=3M']\ndatapath-id: 42\n", 0)]
    [InlineData("workers: 65\n", 1)]
    [InlineData("workers: many\nfail-mode: maybe\nstp: 3\nlisten: [7]\nno-such-key: 1\n", 5)]
    public void A_validator_finds_in_a_file_what_the_schema_forbids(string text, int errors)
    {
        RequireValidator();
        File.WriteAllText(_file, text.Length == 0 ? File.ReadAllText(Example) : text);
        Assert.Equal($"{errors}", RunningCommand.Execute("/usr/bin/python3", "-c", Validator, SchemaFile, _file).Checked().Output.Trim());
    }

    [Fact, Trait("Ring", "peers")]
    public void The_configuration_in_force_is_good_by_the_schema()
    {
        RequireValidator();
        using SwitchGroup running = SwitchGroup.Start(SwitchGroupOptions.Of(
            SwitchOptions.Parse(("port", "1=null:"), ("datapath-id", "2a"), ("frames", "2048"), ("queue", "1:2,max-rate=1M"))));
        File.WriteAllLines(_file, running.DescribeOptions(all: true));
        Assert.Equal("0", RunningCommand.Execute("/usr/bin/python3", "-c", Validator, SchemaFile, _file).Checked().Output.Trim());
    }

    private void Check(string text)
    {
        File.WriteAllText(_file, text);
        List<string> errors = [];
        SwitchOptionsCheck.Check(SwitchOptionsReader.Read(SettingsFile.Read(_file, errors).Settings, null, errors));
    }

    private static void RequireValidator() => Assert.SkipUnless(
        RunningCommand.Execute("/usr/bin/python3", "-c", "import yaml, jsonschema").ExitCode == 0,
        "no validator: apt-get install python3-jsonschema python3-yaml");

    private static void AssertIs(string file, string wanted)
    {
        if (Environment.GetEnvironmentVariable("UPDATE_CONFIGURATION") == "1")
        {
            File.WriteAllText(file, wanted);
        }
        Assert.True(File.Exists(file) && File.ReadAllText(file) == wanted, $"{file} does not say what the options say. If they are right: {Update}");
    }
}
